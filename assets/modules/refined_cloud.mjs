/** A point for each part: refined LLC across, an effect of ablation up; the axes are those of the whole run. */

import { decimals, largest, number, spread } from "./format.mjs";
import { effectOf, pairAt, sharedParts } from "./refined_values.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { clustersOf } from "./refined_model.mjs";
import { kindOfPart } from "./refined_kinds.mjs";
import { scaleOf } from "./heat.mjs";

const MARGIN = 18;
const NEAR = 18;
const MOST_NAMES = 32;
/** Where a name may stand: its place beside the point, and which end of it is there. */
const BESIDE = [[8, 4, "start"], [-8, 4, "end"], [0, -8, "middle"], [0, 17, "middle"]];

/** Return the drawing: `node`, `plane`, `rebuild()`, `draw(width, height)`, `paint()`, `nearest(x, y)`. */
export function createCloud(model) {
  const frame = svg("g");
  const marks = svg("g");
  const picture = svg("svg", { "aria-hidden": "true" }, frame, marks);
  const plane = element("div", { class: "cloud-plane", role: "img", "aria-label": "Refined LLC and effect of ablation of every part" }, picture);
  const [up, across] = [element("span", { class: "axis-name up" }), element("span", { class: "axis-name" })];
  const node = element("div", { class: "space-frame cloud-frame" }, up, plane, across);
  const size = { width: 0, height: 0 };
  let [points, scales] = [[], null];

  function rebuild() {
    const effect = effectOf(model);
    const parts = effect ? sharedParts(model) : [];
    scales = parts.length ? scalesOf(parts, effect, model.payload.steps.length) : null;
    points = parts.map((part) => pointOf(part, model));
    setClass(plane, "crowded", points.length > MOST_NAMES);
    marks.replaceChildren(...points.map((point) => point.node));
    setText(across, "refined λ̂");
    setText(up, effect ? `${effect.label}, ${effect.unit}${scales?.up.bent ? " · square-root scale" : ""}` : "");
    draw(size.width, size.height);
  }

  function draw(width, height) {
    Object.assign(size, { width, height });
    if (!width || !scales) return void frame.replaceChildren();
    setAttribute(picture, "viewBox", `0 0 ${width} ${height}`);
    const { left, up: vertical } = scales;
    const zero = vertical.low < 0 && vertical.high > 0 ? [svg("line", { class: "multiple-zero", x1: 0, x2: width, y1: y(0), y2: y(0) })] : [];
    const text = (at, value, scale, anchor) => svg("text", { ...at, class: "cloud-end", "text-anchor": anchor, text: number(value, decimals(Math.max(Math.abs(scale.low), Math.abs(scale.high)))) });
    return frame.replaceChildren(
      ...zero,
      text({ x: 3, y: 11 }, vertical.high, vertical, "start"), text({ x: 3, y: height - 16 }, vertical.low, vertical, "start"),
      text({ x: MARGIN, y: height - 3 }, left.low, left, "middle"), text({ x: width - 3, y: height - 3 }, left.high, left, "end"),
    );
  }

  const x = (v) => MARGIN + scales.left.share(v) * (size.width - 2 * MARGIN);
  const y = (v) => size.height - MARGIN - scales.up.share(v) * (size.height - 2 * MARGIN);

  function paint() {
    const effect = effectOf(model);
    for (const point of points) {
      const pair = size.width ? pairAt(point.part, effect, model.state.index) : null;
      point.node.style.display = pair ? "" : "none";
      point.at = null;
      if (!pair) continue;
      const [one, other] = pair;
      point.at = [x(one[0]), y(other[0])];
      const [px, py] = point.at;
      point.node.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
      setAttribute(point.whiskers, "d", whisker(one, (v) => x(v) - px, "H") + whisker(other, (v) => y(v) - py, "V"));
      setClass(point.node, "selected", point.name === model.state.component);
    }
    if (points.length <= MOST_NAMES) placeNames(points, size, model.state.component);
  }

  /** Return the part nearest to a place and its numbers, or null if none is near. */
  function nearest(px, py) {
    let [best, found] = [NEAR, null];
    for (const point of points) {
      const away = point.at ? Math.hypot(point.at[0] - px, point.at[1] - py) : Infinity;
      if (away < best) [best, found] = [away, point];
    }
    if (!found) return null;
    const effect = effectOf(model);
    const [one, other] = pairAt(found.part, effect, model.state.index);
    return { name: found.name, rows: [["refined λ̂", told(one, scales.left)], [effect.label, told(other, scales.up)]] };
  }
  return { node, plane, rebuild, draw, paint, nearest };
}

/** Put each name beside its point where it covers no other, the selected one's first; a name without room is not shown. */
function placeNames(points, { width }, selected) {
  const there = points.filter((point) => point.at).sort((a, b) => (b.name === selected) - (a.name === selected));
  const taken = there.map(({ at: [px, py] }) => [px - 5, py - 5, px + 5, py + 5]);
  for (const point of there) {
    const [px, py] = point.at;
    const wide = 7 * point.name.length;
    const free = BESIDE.find(([dx, dy, anchor]) => {
      const left = px + dx - (anchor === "end" ? wide : anchor === "middle" ? wide / 2 : 0);
      const box = [left, py + dy - 10, left + wide, py + dy + 1];
      if (left < 0 || left + wide > width || taken.some((other) => overlap(box, other))) return false;
      taken.push(box);
      return true;
    });
    setClass(point.node, "nameless", !free);
    if (!free) continue;
    const text = point.node.lastChild;
    for (const [name, value] of [["x", free[0]], ["y", free[1]], ["text-anchor", free[2]]]) setAttribute(text, name, String(value));
  }
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function pointOf(part, model) {
  const name = part.curve.component;
  const kind = kindOfPart(clustersOf(model), name);
  const whiskers = svg("path", { class: "cloud-whisker" });
  const node = svg("g", { class: "cloud-point", "data-part": name }, whiskers, svg("circle", { r: 4.5 }), svg("text", { x: 8, y: 4, text: name }));
  node.style.setProperty("--kind", kind ? kind.colour : "var(--llc)");
  return { part, name, node, whiskers, at: null };
}

function whisker([, low, high], place, way) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
  const [a, b] = [place(low).toFixed(1), place(high).toFixed(1)];
  return way === "H" ? `M${a} 0H${b}` : `M0 ${a}V${b}`;
}

function told([value, low, high], scale) {
  const places = decimals(Math.max(Math.abs(scale.low), Math.abs(scale.high)));
  const error = spread(low, high, places);
  return number(value, places) + (error ? ` ± ${error}` : "");
}

/** Return the axes of the whole run; an effect that few parts have by far goes by the square root of its size. */
function scalesOf(parts, effect, steps) {
  const [across, up] = [[], []];
  for (const part of parts) {
    for (let i = 0; i < steps; i++) {
      const pair = pairAt(part, effect, i);
      if (!pair) continue;
      across.push(pair[0][0]);
      up.push(pair[1][0]);
    }
  }
  return { left: scaleOf(across, { root: false }), up: rooted(up) };
}

function rooted(values) {
  const plain = scaleOf(values, { root: false });
  const sizes = values.map(Math.abs).sort((a, b) => a - b);
  const bent = largest(values) > 8 * (sizes[sizes.length >> 1] || Infinity);
  if (!bent) return { ...plain, bent };
  const root = (v) => Math.sign(v) * Math.sqrt(Math.abs(v));
  const [from, to] = [root(plain.low), root(plain.high)];
  return { ...plain, bent, share: (v) => Math.min(1, Math.max(0, (root(v) - from) / (to - from || 1))) };
}
