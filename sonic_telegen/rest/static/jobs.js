// The table of jobs.

import { ApiError, post } from "./api.js";
import { announce, arrange, byId, el, write } from "./dom.js";
import { utc, whole } from "./format.js";

const ENDED = ["done", "stopped"];
const COLUMNS = ["job", "port", "direction", "status", "why", "packets", "bytes", "started", "expires", "stop"];
const NUMBERS = ["packets", "bytes"];

export class Jobs {
  #rows = new Map(); // job id -> its row and cells
  #watched = new Map(); // job id -> the status last read aloud: jobs that were started or stopped here
  #body = byId("jobs").tBodies[0];
  #heads = [...byId("jobs").tHead.rows[0].cells].map((cell) => cell.textContent);
  #changed;

  /** `changed` is called after a stop. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Read aloud what becomes of a job. */
  watch(id, status) {
    this.#watched.set(id, status);
  }

  show(jobs) {
    const known = new Set(jobs.map((job) => job.job_id));
    for (const id of this.#rows.keys()) if (!known.has(id)) this.#rows.delete(id);
    for (const job of jobs) {
      if (!this.#rows.has(job.job_id)) this.#rows.set(job.job_id, this.#row(job.job_id));
      this.#fill(this.#rows.get(job.job_id), job);
    }
    const order = [...jobs].sort((one, other) => ENDED.includes(one.status) - ENDED.includes(other.status));
    arrange(this.#body, order.map((job) => this.#rows.get(job.job_id).row));
    byId("jobs").hidden = jobs.length === 0;
    byId("no-jobs").hidden = jobs.length > 0;
    write(byId("no-jobs"), "There are no jobs.");
    byId("cpu-path").hidden = !jobs.some((job) => job.visibility === "cpu-path");
    this.#tell(jobs);
  }

  #row(id) {
    const cells = {};
    const row = el("tr", { role: "row" });
    COLUMNS.forEach((name, index) => {
      const head = index === 0;
      const attributes = { role: head ? "rowheader" : "cell", "data-label": this.#heads[index], class: `col-${name}` };
      if (NUMBERS.includes(name)) attributes.class += " number";
      if (head) Object.assign(attributes, { scope: "row", tabindex: "-1" });
      cells[name] = el(head ? "th" : "td", attributes);
      row.append(cells[name]);
    });
    const status = el("span", { class: "status" });
    const seen = el("small", { class: "muted" });
    const port = el("span");
    const [reason, message] = [el("code"), el("span")];
    cells.status.append(status);
    cells.port.append(port, " ", seen);
    cells.why.append(reason, " ", message);
    write(cells.job, id);
    return { row, cells, status, port, seen, reason, message, ways: "" };
  }

  #fill(row, job) {
    const { cells } = row;
    write(row.port, job.port ?? "–");
    write(row.seen, [job.mirror_mode, job.visibility].filter(Boolean).join(" · "));
    write(cells.direction, job.direction ?? "–");
    write(row.status, job.status);
    row.status.dataset.status = job.status;
    write(row.reason, job.reason);
    write(row.message, job.message);
    cells.why.classList.toggle("empty", !job.reason && !job.message);
    write(cells.packets, whole(job.packets));
    write(cells.bytes, whole(job.bytes));
    for (const name of ["started", "expires"]) {
      write(cells[name], utc(job[`${name}_at`]));
      cells[name].classList.toggle("empty", !job[`${name}_at`]);
    }
    this.#end(row, job);
  }

  /** How the job is ended: a button, the command that does it, or nothing once its row is gone or it is over. */
  #end(row, job) {
    const over = job.owner === undefined || job.status === "done";
    const ways = over ? "none" : job.owner === "rest" ? "button" : "command";
    if (row.ways === ways) return;
    const focused = row.cells.stop.contains(document.activeElement);
    row.ways = ways;
    row.cells.stop.classList.toggle("empty", over);
    row.cells.stop.replaceChildren(...this.#way(ways, job.job_id));
    if (focused) row.cells.job.focus({ preventScroll: true });
  }

  #way(ways, id) {
    if (ways === "command") return [el("code", {}, `config telegen job del ${id}`)];
    if (ways !== "button") return [];
    const button = el("button", { type: "button", "aria-label": `Stop job ${id}` }, "Stop");
    button.addEventListener("click", () => this.#stop(id, button));
    return [button];
  }

  async #stop(id, button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const { status } = await post(`/jobs/${encodeURIComponent(id)}/stop`);
      this.watch(id, status);
      announce(`Job ${id}: ${status}`);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      announce(`Job ${id} was not stopped: ${problem.message}`);
    } finally {
      button.removeAttribute("aria-disabled");
      this.#changed();
    }
  }

  #tell(jobs) {
    for (const job of jobs) {
      const before = this.#watched.get(job.job_id);
      if (before === undefined || before === job.status) continue;
      this.#watched.set(job.job_id, job.status);
      announce(`Job ${job.job_id}: ${job.status}${job.message ? `. ${job.message}` : ""}`);
      if (ENDED.includes(job.status)) this.#watched.delete(job.job_id);
    }
  }
}
