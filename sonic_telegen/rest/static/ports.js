// The ports that are counted: the table to choose from, and a plot of each that is chosen.

import { arrange, byId, el, options, svg, write } from "./dom.js";
import { scaled, utc } from "./format.js";
import { draw, swatch } from "./plot.js";
import { keyOf } from "./rates.js";

const MOST_PLOTS = 8;
const FIRST_PLOTS = 2;

const nameOf = (hook) => `${hook.interface} ${hook.direction}`;

export class Ports {
  #history;
  #hooks = [];
  #rows = new Map(); // key -> row of the table
  #plots = new Map(); // key -> plot, in the order in which they were chosen
  #body = byId("hooks").tBodies[0];
  #touched = false; // somebody has chosen: from then on nothing is chosen by itself
  #sizer = new ResizeObserver(() => this.#draw());

  constructor(history) {
    this.#history = history;
    byId("unit").addEventListener("change", () => this.#draw());
    document.addEventListener("visibilitychange", () => this.#draw());
    this.#sizer.observe(byId("plots"));
  }

  /** Shows the newest sample, which the history has taken. */
  show(hooks) {
    this.#hooks = hooks;
    const keys = new Set(hooks.map(keyOf));
    for (const key of this.#rows.keys()) if (!keys.has(key)) this.#rows.delete(key);
    for (const key of this.#plots.keys()) if (!keys.has(key)) this.#plots.delete(key);
    for (const hook of hooks) {
      const key = keyOf(hook);
      if (!this.#rows.has(key)) this.#rows.set(key, this.#row(key, hook));
      const { packets, bits } = this.#rows.get(key);
      const total = this.#history.total(key);
      write(packets, total ? scaled(total.packets) : "–");
      write(bits, total ? scaled(total.bits) : "–");
      if (!this.#touched && this.#plots.size < FIRST_PLOTS) this.#choose(key, true);
    }
    arrange(this.#body, hooks.map((hook) => this.#rows.get(keyOf(hook)).row));
    this.#draw();
  }

  #row(key, hook) {
    const box = el("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      this.#touched = true;
      this.#choose(key, box.checked);
      this.#draw();
    });
    const [packets, bits] = [el("td", { class: "number" }), el("td", { class: "number" })];
    const head = el("th", { scope: "row" }, el("label", {}, box, ` ${nameOf(hook)}`));
    return { row: el("tr", {}, head, packets, bits), box, packets, bits, hook };
  }

  #choose(key, wanted) {
    if (wanted && !this.#plots.has(key)) {
      if (this.#plots.size >= MOST_PLOTS) this.#choose(this.#plots.keys().next().value, false);
      this.#plots.set(key, this.#plot(this.#rows.get(key).hook));
    } else if (!wanted) {
      this.#plots.delete(key);
    }
    this.#rows.get(key).box.checked = wanted;
  }

  #plot(hook) {
    const classes = Object.keys(hook.classes);
    const picture = svg("svg", { role: "img", class: "plot" });
    const values = classes.map(() => el("span"));
    const legend = el(
      "ul",
      { class: "legend" },
      ...classes.map((name, index) => el("li", {}, swatch(index), `${name} `, values[index])),
    );
    const table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Rates of ${nameOf(hook)}` });
    const details = el("details", {}, el("summary", {}, `${nameOf(hook)} as a table`), table);
    details.addEventListener("toggle", () => this.#draw());
    const root = el("section", { class: "panel", "aria-label": nameOf(hook) }, el("h3", {}, nameOf(hook)), picture);
    root.append(legend, details);
    return { root, picture, values, details, table, classes, name: nameOf(hook) };
  }

  #draw() {
    const chosen = this.#hooks.map(keyOf).filter((key) => this.#plots.has(key));
    arrange(byId("plots"), chosen.map((key) => this.#plots.get(key).root));
    byId("no-plots").hidden = chosen.length > 0;
    write(byId("no-plots"), this.#hooks.length ? "No port is chosen." : "Nothing is counted yet: start a job.");
    if (document.hidden) return;
    const unit = document.querySelector("input[name=unit]:checked").value;
    for (const key of chosen) this.#picture(this.#plots.get(key), this.#history.points(key), unit);
  }

  #picture(plot, points, unit) {
    const width = Math.max(200, plot.root.clientWidth - 2);
    draw(plot.picture, points, plot.classes, unit, width);
    const now = points.at(-1)?.rates;
    const texts = plot.classes.map((name) => (now?.[name] ? `${scaled(now[name][unit])} ${unit}/s` : "–"));
    plot.classes.forEach((_, index) => write(plot.values[index], texts[index]));
    const told = plot.classes.map((name, index) => `${name} ${texts[index]}`).join(", ");
    plot.picture.setAttribute("aria-label", `${plot.name}: ${points.length ? told : "waiting for a second sample"}`);
    if (plot.details.open) plot.table.replaceChildren(tableOf(plot, points, unit));
  }
}

/** Every point of a plot, the newest first. */
function tableOf(plot, points, unit) {
  const heads = [`Time UTC`, ...plot.classes.map((name) => `${name} ${unit}/s`)];
  const rows = points.toReversed().map(({ time, rates }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, utc(time)),
      ...plot.classes.map((name) => el("td", { class: "number" }, rates ? scaled(rates[name][unit]) : "–")),
    ),
  );
  const head = el("tr", {}, ...heads.map((text, index) => el("th", { scope: "col", class: index ? "number" : "" }, text)));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
}

/** The chosen hook's packets by size. */
export class Sizes {
  #edges = [];
  #hooks = [];

  constructor() {
    for (const id of ["sizes-hook", "sizes-class"]) byId(id).addEventListener("change", () => this.#draw());
  }

  /** Inclusive upper edges of the buckets in bytes; the last bucket has none. */
  set edges(edges) {
    this.#edges = edges;
    this.#draw();
  }

  show(hooks) {
    this.#hooks = hooks;
    options(byId("sizes-hook"), hooks.map((hook) => [keyOf(hook), nameOf(hook)]));
    const classes = hooks.length ? Object.keys(hooks[0].classes) : [];
    options(byId("sizes-class"), [["", "all"], ...classes.map((name) => [name, name])]);
    this.#draw();
  }

  #draw() {
    const hook = this.#hooks.find((one) => keyOf(one) === byId("sizes-hook").value);
    const wanted = byId("sizes-class").value;
    const classes = hook ? Object.entries(hook.classes).filter(([name]) => !wanted || name === wanted) : [];
    const buckets = sum(classes.map(([, counters]) => counters.histogram));
    const [most, all] = [Math.max(1, ...buckets), buckets.reduce((total, count) => total + count, 0)];
    byId("sizes").hidden = !hook;
    byId("sizes").tBodies[0].replaceChildren(
      ...buckets.map((count, index) => {
        const bar = el("div", { class: "bar" });
        bar.style.width = `${(100 * count) / most}%`; // by CSSOM: the policy forbids style attributes
        return el(
          "tr",
          {},
          el("th", { scope: "row", class: "number" }, this.#range(index)),
          el("td", { class: "number" }, count.toLocaleString("en")),
          el("td", { class: "number" }, all ? `${((100 * count) / all).toFixed(1)} %` : "–"),
          el("td", { class: "bars", "aria-hidden": "true" }, bar),
        );
      }),
    );
  }

  #range(index) {
    if (!this.#edges.length) return "–"; // not learnt yet
    if (index === 0) return `≤ ${this.#edges[0]}`;
    return index < this.#edges.length ? `${this.#edges[index - 1] + 1}–${this.#edges[index]}` : `> ${this.#edges.at(-1)}`;
  }
}

function sum(histograms) {
  return histograms.reduce((total, one) => one.map((count, index) => count + (total[index] ?? 0)), []);
}
