// Wires the parts together: one stream of samples; after each of them jobs and agent are asked for again.

import { Agent } from "./agent.js";
import { ApiError, Stream, UNREACHABLE, get } from "./api.js";
import { byId, write } from "./dom.js";
import { StartForm } from "./form.js";
import { utc } from "./format.js";
import { Jobs } from "./jobs.js";
import { Ports, Sizes } from "./ports.js";
import { History } from "./rates.js";

const STATES = { connecting: "connecting…", connected: "connected", lost: "not connected, trying again" };

const agent = new Agent();
const history = new History();
const ports = new Ports(history);
const sizes = new Sizes();
const jobs = new Jobs(() => refresh());
const form = new StartForm((id, status) => {
  jobs.watch(id, status);
  refresh();
});
const names = { interfaces: [], jobs: [] };

let asking = false;
let askAgain = false;

/** Asks for jobs and agent, one question at a time. */
async function refresh() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    if (!form.built) learn(await get("/openapi.json"));
    const [{ jobs: found }, status] = await Promise.all([get("/jobs"), get("/status")]);
    names.jobs = found.map((job) => job.port).filter(Boolean);
    jobs.show(found);
    agent.show(status);
    offer();
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.code === UNREACHABLE) stream.lose();
    else agent.fail(problem.message);
  } finally {
    asking = false;
    if (askAgain) {
      askAgain = false;
      refresh();
    }
  }
}

/** What the agent's own document says of fields and of the sizes' buckets. */
function learn(document) {
  form.build(document.paths["/jobs/start"].post.requestBody.content["application/json"].schema);
  const listed = document.paths["/interfaces"].get.responses["200"].content["application/json"].schema;
  const [counters] = Object.values(listed.properties.interfaces.items.properties.classes.properties);
  sizes.edges = counters.properties.histogram["x-upper-edges"];
}

function offer() {
  form.offer([...new Set([...names.interfaces, ...names.jobs])]);
}

function state(name) {
  document.body.dataset.connection = name;
  write(byId("connection"), STATES[name]);
}

const stream = new Stream("/interfaces/stream", {
  onSample({ interfaces }, time) {
    history.take(interfaces, time);
    ports.show(interfaces);
    sizes.show(interfaces);
    names.interfaces = interfaces.map((hook) => hook.interface);
    write(byId("sampled"), `last sample ${utc(time)} UTC`);
    refresh();
  },
  onState(name) {
    state(name);
    refresh(); // a lost stream may have a reason that the agent can tell
  },
  onQuiet: () => refresh(),
});
