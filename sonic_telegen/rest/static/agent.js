// What the agent says of itself, in one line; what is wrong, below it.

import { byId, el, write } from "./dom.js";
import { utc, whole } from "./format.js";

const ALERTS = { config_error: "Configuration", listen_error: "REST", notice: "Notice" };

export class Agent {
  #last = "";
  #trouble = "";
  #agent = {};

  show(agent) {
    this.#agent = agent;
    this.#trouble = "";
    this.#draw();
  }

  /** Why there is no answer. */
  fail(text) {
    this.#trouble = text;
    this.#draw();
  }

  #draw() {
    const agent = this.#agent;
    const alerts = Object.entries(ALERTS).filter(([name]) => agent[name]);
    const texts = alerts.map(([name, title]) => [name, `${title}: ${agent[name]}`]);
    if (this.#trouble) texts.unshift(["trouble", this.#trouble]);
    if (agent.version !== undefined) this.#line(agent);
    const now = JSON.stringify(texts);
    if (now === this.#last) return;
    this.#last = now;
    byId("alerts").replaceChildren(...texts.map(([name, text]) => el("p", { class: "alert", "data-of": name }, text)));
  }

  #line(agent) {
    const parts = [
      ["Version", `${agent.version}, up since ${utc(agent.started_at)} UTC`],
      ["Jobs", `${whole(agent.jobs_running)} of ${whole(agent.jobs)} running`],
      ["Export", exported(agent), agent.otlp_last_error || agent.config_error ? "failed" : "running"],
      ["Kernel", [agent.kernel, agent.loader, agent.attach].filter(Boolean).join(" · ")],
    ];
    const list = byId("agent");
    if (!list.children.length) {
      list.append(...parts.map(([name]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("span")))));
    }
    parts.forEach(([, text, status], index) => {
      const span = list.children[index].querySelector("span");
      write(span, text);
      if (status) Object.assign(span, { className: "status" }).dataset.status = status;
    });
  }
}

function exported(agent) {
  const where = agent.otlp_endpoint || "nowhere";
  const last = agent.otlp_last_success ? `, last ${utc(agent.otlp_last_success)} UTC` : ", nothing sent yet";
  const failed = agent.otlp_last_error ? `: ${agent.otlp_last_error} (failures: ${whole(agent.otlp_failures)})` : "";
  return `${where}${failed}${last}`;
}
