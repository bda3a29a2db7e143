/** A small drawing with axes: lines of several chains, in colours that the style sheet gives. */

import { element, svg } from "./elements.mjs";
import { number } from "./format.mjs";
import { onSize } from "./network_panel.mjs";

const PALETTE = 8;
const PAD = { left: 48, right: 12, top: 20, bottom: 32 };

/** Return `node`, which holds a drawing, and `redraw()`; `draw(picture, width, height)` fills it. */
export function createDrawing(signal, label, draw) {
  const picture = svg("svg", { "aria-hidden": "true" });
  const node = element("div", { class: "chain-plot", role: "img", "aria-label": label }, picture);
  const redraw = () => {
    const { clientWidth: width, clientHeight: height } = node;
    if (width && height) draw(picture, width, height);
  };
  onSize(node, signal, redraw);
  return { node, redraw };
}

/**
 * Fill a picture with axes over `x` and `y` (pairs of ends) and return `x` and `y`, which place
 * values in it, and the `layer` that lines belong to: it cuts off what is beyond the axes.
 */
export function drawAxes(picture, width, height, { x, y, xName, yName, bare = false, pad = PAD }) {
  const inner = { left: bare ? 4 : pad.left, top: pad.top, width: width - (bare ? 4 : pad.left) - pad.right, height: height - pad.top - pad.bottom };
  const place = ([low, high], length) => (value) => (length * (value - low)) / (high - low);
  const [across, up] = [place(x, inner.width), place(y, inner.height)];
  const at = { x: across, y: (value) => inner.height - up(value) };
  const layer = svg("svg", { x: inner.left, y: inner.top, width: inner.width, height: inner.height, overflow: "hidden" });
  const text = (name, px, py, anchor, content) => svg("text", { class: name, x: px.toFixed(1), y: py.toFixed(1), "text-anchor": anchor, text: content });
  const yTicks = bare ? [] : ticksOf(y, Math.max(2, Math.floor(inner.height / 40)));
  const xTicks = bare ? [] : ticksOf(x, Math.max(2, Math.floor(inner.width / 80)));
  picture.replaceChildren(
    ...yTicks.map((v) => svg("line", { class: "chain-grid", x1: inner.left, x2: inner.left + inner.width, y1: inner.top + at.y(v), y2: inner.top + at.y(v) })),
    ...yTicks.map((v) => text("chain-tick", inner.left - 6, inner.top + at.y(v) + 4, "end", tickText(v, yTicks))),
    svg("line", { class: "chain-base", x1: inner.left, x2: inner.left + inner.width, y1: inner.top + inner.height, y2: inner.top + inner.height }),
    ...xTicks.map((v) => text("chain-tick", inner.left + at.x(v), inner.top + inner.height + 14, "middle", tickText(v, xTicks))),
    text("chain-axis", bare ? inner.left : 0, 11, "start", yName),
    text("chain-axis", inner.left + inner.width, height - 4, "end", xName),
    layer,
  );
  return { ...at, layer, width: inner.width, height: inner.height };
}

/** Return the class of a chain's line: its colour, and whether it stands out. */
export function chainClass(i, lit) {
  return `chain-line of-${(i % PALETTE) + 1}${lit === null ? "" : lit === i ? " lit" : " dim"}`;
}

/** Return one chain of a table as it is: `table.shape` is chains by length. */
export function rowOf(table, i) {
  const length = table.shape[1];
  return table.subarray(i * length, (i + 1) * length);
}

/**
 * Return a path through values at 0, 1, ..; a gap stays one. Where there are more values than
 * pixels, a pixel has the lowest and the highest of its own.
 */
export function pathOf(values, x, y, width) {
  const stride = Math.max(1, Math.floor(values.length / Math.max(1, width)));
  let [d, pen] = ["", "M"];
  const add = (i, v) => {
    d += Number.isFinite(v) ? `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}` : "";
    pen = Number.isFinite(v) ? "L" : "M";
  };
  for (let i = 0; i < values.length; i += stride) {
    if (stride < 3) {
      add(i, values[i]);
      continue;
    }
    let [low, high] = [Infinity, -Infinity];
    for (let k = i; k < Math.min(i + stride, values.length); k++) {
      low = Math.min(low, values[k]);
      high = Math.max(high, values[k]);
    }
    add(i, low);
    if (high > low) add(i, high);
  }
  return d;
}

/** Return the ends of a table's finite values with some room; null if there are none. */
export function endsOf(table, room = 0.06) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of table) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return null;
  const margin = high > low ? room * (high - low) : Math.abs(high) * 0.05 || 0.5;
  return [low - margin, high + margin];
}

/** Return about `count` round numbers within two ends. */
function ticksOf([low, high], count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks = [];
  for (let v = Math.ceil(low / width - 1e-9) * width; v <= high + 1e-9 * width; v += width) ticks.push(Math.abs(v) < width / 1e6 ? 0 : v);
  return ticks;
}

function tickText(value, ticks) {
  const apart = ticks.length > 1 ? ticks[1] - ticks[0] : Math.abs(value) || 1;
  return number(value, Math.max(0, Math.min(6, -Math.floor(Math.log10(apart) + 1e-9))));
}
