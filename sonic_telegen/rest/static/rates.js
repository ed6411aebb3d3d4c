// Counters to rates: the last samples of every hook (port and direction), and no more.

export const SAMPLES = 120;
const SHORTEST_MS = 500; // between two points: a pass that comes just before a reading tells of nearly the same moment

export const keyOf = (hook) => `${hook.interface}|${hook.direction}`;

export class History {
  #last = new Map(); // key -> { time, classes } of the last sample that made a point
  #points = new Map(); // key -> [{ time, rates: { class: { packets, bits } } | null }]

  /** Takes a sample; time in Unix ms. A hook that is not in it is forgotten. */
  take(hooks, time) {
    const seen = new Set(hooks.map(keyOf));
    for (const key of this.#last.keys()) {
      if (!seen.has(key)) {
        this.#last.delete(key);
        this.#points.delete(key);
      }
    }
    for (const hook of hooks) this.#add(keyOf(hook), hook.classes, time);
  }

  #add(key, classes, time) {
    const before = this.#last.get(key);
    const passed = before ? time - before.time : 0;
    if (before && passed >= 0 && passed < SHORTEST_MS) return;
    this.#last.set(key, { time, classes });
    if (!before) {
      this.#points.set(key, []);
      return;
    }
    const points = this.#points.get(key);
    if (passed < 0) points.length = 0; // the agent's clock was set back
    else points.push({ time, rates: rates(before.classes, classes, passed / 1000) });
    if (points.length > SAMPLES) points.shift();
  }

  points(key) {
    return this.#points.get(key) ?? [];
  }

  /** The newest rates of a hook by class, or null. */
  now(key) {
    return this.points(key).at(-1)?.rates ?? null;
  }

  /** Packets/s and bits/s of a hook over all classes, or null. */
  total(key) {
    const now = this.now(key);
    return now && Object.values(now).reduce((sum, one) => ({ packets: sum.packets + one.packets, bits: sum.bits + one.bits }));
  }
}

/** By class; null when a counter went back, since nobody knows what was counted between. */
function rates(before, after, seconds) {
  const found = {};
  for (const [name, now] of Object.entries(after)) {
    const was = before[name];
    if (!was || now.packets < was.packets || now.bytes < was.bytes) return null;
    found[name] = { packets: (now.packets - was.packets) / seconds, bits: (8 * (now.bytes - was.bytes)) / seconds };
  }
  return found;
}
