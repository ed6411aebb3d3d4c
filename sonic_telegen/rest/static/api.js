// Requests to the agent, and its stream of samples.

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 5000;
const QUIET_MS = 15_000; // without an event: ask whether anybody is there
export const UNREACHABLE = "unreachable";

/** An answer other than success: the agent's code, message and field, or UNREACHABLE. */
export class ApiError extends Error {
  constructor(code, message, field = "") {
    super(message);
    this.code = code;
    this.field = field;
  }
}

async function ask(path, request) {
  let answer;
  let body;
  try {
    answer = await fetch(path, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
    body = await answer.json();
  } catch (problem) {
    if (answer && problem instanceof SyntaxError) {
      throw new ApiError("no_json", `the answer is not the agent's (HTTP ${answer.status})`);
    }
    throw new ApiError(UNREACHABLE, "the agent does not answer");
  }
  if (!answer.ok) throw new ApiError(body.error ?? "", body.message ?? `HTTP ${answer.status}`, body.field ?? "");
  return body;
}

export const get = (path) => ask(path, {});

export function post(path, body) {
  if (body === undefined) return ask(path, { method: "POST" });
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Follows server-sent events for ever: one that is lost is opened again, with growing waits. */
export class Stream {
  /** onSample(data, time) with time in Unix ms; onState("connected" | "lost"); onQuiet() after a while of silence. */
  constructor(path, { onSample, onState, onQuiet }) {
    this.path = path;
    this.onSample = onSample;
    this.onState = onState;
    this.retry = FIRST_RETRY_MS;
    this.heard = performance.now();
    setInterval(() => {
      if (this.source && performance.now() - this.heard > QUIET_MS) onQuiet();
    }, QUIET_MS / 3);
    this.open();
  }

  open() {
    this.source = new EventSource(this.path);
    this.source.onopen = () => {
      this.retry = FIRST_RETRY_MS;
      this.heard = performance.now();
      this.onState("connected");
    };
    this.source.onmessage = (event) => {
      this.heard = performance.now();
      this.onSample(JSON.parse(event.data), Date.parse(event.lastEventId) || Date.now());
    };
    this.source.onerror = () => this.lose();
  }

  /** Gives the connection up and tries again later. */
  lose() {
    if (!this.source) return;
    this.source.close();
    this.source = null;
    this.onState("lost");
    setTimeout(() => this.open(), this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY_MS);
  }
}
