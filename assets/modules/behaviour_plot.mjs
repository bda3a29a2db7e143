/** A plane with two number axes that no step moves: what is drawn of one checkpoint at a time. */

import { element, setAttribute, svg } from "./elements.mjs";
import { hush, onSize, tell } from "./network_panel.mjs";
import { decimals, number } from "./format.mjs";
import { roundStep } from "./axis.mjs";

const PAD = 6;
const APART = 48;

/**
 * Return `node`, `picture`, `place(x, y)` in pixels, `scales({x, y})` that sets both axes, each
 * {low, high, log}, and `paint()`. `describe(x)` tells what is at a place of the horizontal axis;
 * `draw()` is called when the plane has another size.
 */
export function createPlot(model, signal, { label, across, up, describe, draw }) {
  const picture = svg("svg", { "aria-hidden": "true" });
  const plane = element("div", { class: "plot-plane", role: "img", "aria-label": label }, picture);
  const [ticks, ends] = [element("div", { class: "plot-ticks", "aria-hidden": "true" }), element("div", { class: "plot-ends", "aria-hidden": "true" })];
  const node = element("div", { class: "plot-frame" }, ends, plane, ticks, element("span", { class: "axis-name", text: across }), element("span", { class: "axis-name up", text: up }));
  const size = { width: 0, height: 0 };
  let axes = { x: { low: 0, high: 1, log: false }, y: { low: 0, high: 1, log: false } };

  plane.addEventListener("pointermove", (event) => {
    const box = plane.getBoundingClientRect();
    tell(model, event, describe(valueAt(axes.x, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)))));
  }, { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  onSize(plane, signal, (width, height) => {
    Object.assign(size, { width, height });
    frame();
    draw();
  });

  function scales(wanted) {
    axes = wanted;
    frame();
  }

  function frame() {
    if (!size.width) return;
    setAttribute(picture, "viewBox", `0 0 ${size.width} ${size.height}`);
    ticks.replaceChildren(...ticksOf(axes.x, size.width).map((v) => {
      const tick = element("span", { text: number(v, v < 1 ? decimals(v) : 0) });
      tick.style.left = `${(100 * shareOf(axes.x, v)).toFixed(2)}%`;
      return tick;
    }));
    ends.replaceChildren(...[axes.y.high, axes.y.low].map((v) => element("span", { text: number(v, v ? decimals(Math.abs(axes.y.log ? v : axes.y.high)) : 0) })));
  }

  const x = (v) => shareOf(axes.x, v) * size.width;
  const y = (v) => PAD + (size.height - 2 * PAD) * (1 - shareOf(axes.y, v));
  return { node, picture, size, x, y, scales, line: (values) => pathOf(values, x, y) };
}

/** Return the path through points [x, y]; one whose y is missing is a gap. */
function pathOf(points, x, y) {
  let [d, pen] = ["", "M"];
  for (const [a, b] of points) {
    const known = Number.isFinite(b);
    if (known) d += `${pen}${x(a).toFixed(1)} ${y(b).toFixed(1)}`;
    pen = known ? "L" : "M";
  }
  return d;
}

function shareOf({ low, high, log }, value) {
  if (!(high > low)) return 0.5;
  return log ? Math.log(Math.max(value, 1e-30) / low) / Math.log(high / low) : (value - low) / (high - low);
}

function valueAt({ low, high, log }, share) {
  return log ? low * (high / low) ** share : low + share * (high - low);
}

/** Return round values along an axis, both ends among them, with room for each label. */
function ticksOf(axis, width) {
  const { low, high, log } = axis;
  const kept = [low, high];
  for (const v of log ? roundOnLog(low, high) : roundOnLine(low, high, width)) {
    if (kept.every((k) => Math.abs(shareOf(axis, k) - shareOf(axis, v)) * width > APART)) kept.push(v);
  }
  return kept;
}

function roundOnLog(low, high) {
  const found = [];
  for (let size = 10 ** Math.floor(Math.log10(low)); size <= high; size *= 10) {
    for (const factor of [1, 5, 2]) if (factor * size > low && factor * size < high) found.push(factor * size);
  }
  return found;
}

function roundOnLine(low, high, width) {
  const step = roundStep((high - low) / Math.max(2, Math.floor(width / APART)));
  return Array.from({ length: Math.max(0, Math.ceil(high / step) - 1) }, (_, k) => (k + 1) * step).filter((v) => v > low);
}
