// The form that starts a job. Its fields, their choices and ranges are those of the OpenAPI document.

import { ApiError, post } from "./api.js";
import { announce, byId, el, write } from "./dom.js";

const FIRST = ["port", "direction", "duration_sec", "mirror_mode"];

export class StartForm {
  #inputs = new Map(); // field -> { input, error }
  #busy = false;
  #started;

  /** `started(id, status)` is called when a job was started. */
  constructor(started) {
    this.#started = started;
    byId("start").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  get built() {
    return this.#inputs.size > 0;
  }

  /** Makes the fields from the schema of the body of POST /jobs/start. */
  build(schema) {
    const names = Object.keys(schema.properties);
    const order = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
    for (const name of order) {
      const input = inputOf(name, schema.properties[name]);
      if (!input) continue;
      const hint = el("small", { id: `hint-${name}`, class: "muted" }, hintOf(schema.properties[name]));
      const error = el("span", { id: `error-${name}`, class: "error" });
      input.setAttribute("aria-describedby", `error-${name} hint-${name}`);
      if (schema.required?.includes(name)) input.setAttribute("aria-required", "true");
      const box = el("div", { class: "field" }, el("label", { for: input.id }, name), input, error, hint);
      byId(FIRST.includes(name) ? "fields" : "more-fields").append(box);
      this.#inputs.set(name, { input, error });
    }
    byId("more").hidden = byId("more-fields").children.length === 0;
    byId("start-button").disabled = false;
  }

  /** Offers these names for the port. */
  offer(ports) {
    const now = JSON.stringify(ports);
    if (byId("ports").dataset.names === now) return;
    byId("ports").dataset.names = now;
    byId("ports").replaceChildren(...ports.map((value) => el("option", { value })));
  }

  async #submit() {
    if (this.#busy || !this.built) return;
    this.#busy = true;
    this.#clear();
    const body = {};
    for (const [name, { input }] of this.#inputs) {
      const value = input.value.trim();
      if (value) body[name] = value;
    }
    try {
      const { job_id: id, status, interface: netdev } = await post("/jobs/start", body);
      announce(`Job ${id} on ${netdev}: ${status}`);
      this.#started(id, status);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      this.#blame(problem);
    } finally {
      this.#busy = false;
    }
  }

  #clear() {
    write(byId("start-error"), "");
    for (const { input, error } of this.#inputs.values()) {
      input.removeAttribute("aria-invalid");
      write(error, "");
    }
  }

  /** Says what is wrong beside the field and goes there; beside the form when it is none of its fields. */
  #blame(problem) {
    const found = this.#inputs.get(problem.field);
    if (!found) {
      write(byId("start-error"), problem.message);
      byId("start-error").focus();
      return;
    }
    if (byId("more").contains(found.input)) byId("more").open = true;
    found.input.setAttribute("aria-invalid", "true");
    write(found.error, problem.message);
    found.input.focus();
    announce(`Not started: ${problem.message}`);
  }
}

const branches = (schema) => schema.anyOf ?? [schema];

function inputOf(name, schema) {
  if ("const" in schema || schema.type === "object") return null;
  const id = `field-${name}`;
  const choices = branches(schema).map((one) => (one.type === "boolean" ? ["true", "false"] : one.enum));
  if (choices.every(Boolean)) {
    const texts = [...new Set(choices.flat())];
    const none = el("option", { value: "" }, "default" in schema ? `default: ${schema.default}` : "default");
    return el("select", { id, name }, none, ...texts.map((value) => el("option", { value }, value)));
  }
  const input = el("input", { id, name, type: "text", spellcheck: "false", autocapitalize: "none" });
  if (branches(schema)[0].type === "integer") input.inputMode = "numeric";
  if (name === "port") input.setAttribute("list", "ports");
  return input;
}

function hintOf(schema) {
  const list = branches(schema).some((one) => one.type === "array"); // its description says more than one number's range
  const number = list ? undefined : branches(schema).find((one) => one.type === "integer");
  const range = number ? ` (${number.minimum} to ${number.maximum})` : "";
  return `${schema.description ?? ""}${range}`;
}
