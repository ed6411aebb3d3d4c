// Lines over time, by hand.

import { svg } from "./dom.js";
import { ago, scaled } from "./format.js";

const HEIGHT = 180;
const MARGIN = { top: 24, right: 10, bottom: 20, left: 52 };
const LEAST_SPAN = 30; // of sample intervals, so that the first samples do not fill the whole width
const STEPS_SEC = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

/** Draws points (of History) into the element, `width` pixels wide; unit is "packets" or "bits". */
export function draw(element, points, classes, unit, width) {
  const x = timeScale(points, MARGIN.left, width - MARGIN.right);
  const values = points.flatMap(({ rates }) => (rates ? classes.map((name) => rates[name]?.[unit] ?? 0) : []));
  const y = valueScale(Math.max(0, ...values), HEIGHT - MARGIN.bottom, MARGIN.top);
  element.setAttribute("width", width);
  element.setAttribute("height", HEIGHT);
  element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  element.replaceChildren(
    ...grid(y, width, unit),
    ...times(x),
    ...classes.map((name, index) =>
      svg("path", { class: `line class-${index}`, "data-class": name, d: line(points, name, unit, x, y) }),
    ),
  );
}

/** A short piece of the line that stands for a class. */
export function swatch(index) {
  const path = svg("path", { class: `line class-${index}`, d: "M1 5H23" });
  return svg("svg", { class: "swatch", width: 24, height: 10, viewBox: "0 0 24 10", "aria-hidden": "true" }, path);
}

function timeScale(points, left, right) {
  const newest = points.at(-1)?.time ?? 0;
  const oldest = points[0]?.time ?? 0;
  const interval = points.length > 1 ? (newest - oldest) / (points.length - 1) : 1000;
  const span = Math.max(newest - oldest, LEAST_SPAN * interval);
  const place = (time) => right - ((newest - time) / span) * (right - left);
  return { place, newest, seconds: span / 1000, room: right - left };
}

function valueScale(most, bottom, top) {
  const step = niceStep(most / 4);
  const end = Math.max(step, Math.ceil(most / step) * step);
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return { place: (value) => bottom - (value / end) * (bottom - top), ticks };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least) {
  if (!(least > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least * 0.999);
}

function grid(y, width, unit) {
  const unitText = svg("text", { class: "axis", x: 4, y: 11 }, `${unit}/s`);
  const lines = y.ticks.map((value) => {
    const at = y.place(value);
    return svg(
      "g",
      {},
      svg("path", { class: "grid", d: `M${MARGIN.left} ${at.toFixed(1)}H${width - MARGIN.right}` }),
      svg("text", { class: "axis", x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, scaled(value)),
    );
  });
  return [unitText, ...lines];
}

function times(x) {
  const most = Math.max(2, Math.floor(x.room / 90));
  const step = STEPS_SEC.find((seconds) => x.seconds / seconds <= most) ?? STEPS_SEC.at(-1);
  const found = [];
  for (let back = 0; back <= x.seconds; back += step) {
    const at = x.place(x.newest - back * 1000);
    const anchor = back === 0 ? "end" : "middle";
    const shift = back === 0 ? MARGIN.right - 2 : 0;
    found.push(svg("text", { class: "axis", x: (at + shift).toFixed(1), y: HEIGHT - 5, "text-anchor": anchor }, ago(back)));
  }
  return found;
}

function line(points, name, unit, x, y) {
  let pen = "M";
  let path = "";
  for (const { time, rates } of points) {
    if (!rates?.[name]) {
      pen = "M"; // a gap
      continue;
    }
    path += `${pen}${x.place(time).toFixed(1)} ${y.place(rates[name][unit]).toFixed(1)}`;
    if (pen === "M") path += "h0"; // a point that stands alone is seen, too
    pen = "L";
  }
  return path || "M0 0";
}
