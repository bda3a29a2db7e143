/** A point for each component: refined LLC across, strength up; the axes are those of the whole run. */

import { decimals, largest, number, spread } from "./format.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { isUsable, refinements } from "./refined_curves.mjs";
import { placeOf } from "./payload.mjs";
import { scaleOf } from "./heat.mjs";

const MARGIN = 20;
const NEAR = 18;
const MOST_NAMES = 32;
/** The room that a name needs, in pixels: nearer to the right end it stands to the left. */
const NAME = 52;

/** Return the drawing: `node`, `plane`, `rebuild()`, `draw(width, height)`, `paint()`, `nearest(x, y)`. */
export function createCloud(model) {
  const [frame, marks] = [svg("g"), svg("g")];
  const picture = svg("svg", { "aria-hidden": "true" }, frame, marks);
  const plane = element("div", { class: "cloud-plane", role: "img", "aria-label": "Refined LLC and strength of every component at the step" }, picture);
  const up = element("span", { class: "axis-name up" });
  const node = element("div", { class: "space-frame cloud-frame" }, up, plane, element("span", { class: "axis-name", text: "refined λ̂" }));
  const size = { width: 0, height: 0 };
  let [points, scales] = [[], null];

  function rebuild() {
    const metric = metricOf(model);
    points = metric ? sharedParts(model).map((part) => pointOf(part)) : [];
    scales = points.length ? scalesOf(points, metric, model) : null;
    setClass(plane, "crowded", points.length > MOST_NAMES);
    setText(up, metric ? [metric.name, metric.unit].filter(Boolean).join(", ") : "");
    marks.replaceChildren(...points.map((point) => point.node));
    draw(size.width, size.height);
  }

  function draw(width, height) {
    Object.assign(size, { width, height });
    if (!width || !scales) return void frame.replaceChildren();
    setAttribute(picture, "viewBox", `0 0 ${width} ${height}`);
    const text = (at, value, { low, high }, anchor) => svg("text", { ...at, class: "cloud-end", "text-anchor": anchor, text: number(value, decimals(Math.max(Math.abs(low), Math.abs(high)))) });
    return frame.replaceChildren(
      text({ x: 3, y: 11 }, scales.up.high, scales.up, "start"), text({ x: 3, y: height - 16 }, scales.up.low, scales.up, "start"),
      text({ x: MARGIN, y: height - 3 }, scales.across.low, scales.across, "middle"), text({ x: width - 3, y: height - 3 }, scales.across.high, scales.across, "end"),
    );
  }

  const x = (v) => MARGIN + scales.across.share(v) * (size.width - 2 * MARGIN);
  const y = (v) => size.height - MARGIN - scales.up.share(v) * (size.height - 2 * MARGIN);

  function paint() {
    const metric = metricOf(model);
    for (const point of points) {
      const pair = size.width ? pairAt(point, metric, model) : null;
      point.node.style.display = pair ? "" : "none";
      point.at = pair ? [x(pair[0][0]), y(pair[1][0])] : null;
      if (!pair) continue;
      const [px, py] = point.at;
      point.node.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
      setAttribute(point.whiskers, "d", whisker(pair[0], (v) => x(v) - px, "H") + whisker(pair[1], (v) => y(v) - py, "V"));
      const beside = px > size.width - NAME ? ["-8", "end"] : ["8", "start"];
      ["x", "text-anchor"].forEach((name, i) => setAttribute(point.node.lastChild, name, beside[i]));
      setClass(point.node, "selected", point.name === model.state.component);
    }
  }

  /** Return the component nearest to a place and its numbers, or null if none is near. */
  function nearest(px, py) {
    const away = ({ at }) => (at ? Math.hypot(at[0] - px, at[1] - py) : Infinity);
    const [found] = [...points].sort((a, b) => away(a) - away(b));
    if (!found || away(found) > NEAR) return null;
    const metric = metricOf(model);
    const [one, other] = pairAt(found, metric, model);
    return { name: found.name, rows: [["refined λ̂", told(one)], [metric.name, told(other)]] };
  }
  return { node, plane, rebuild, draw, paint, nearest };
}

function metricOf({ payload, state }) {
  return payload.graphs[state.graph]?.metrics.find((m) => m.id === state.strength);
}

/** Return the parts of the most complete refined LLC that are components of the graph. */
function sharedParts({ payload, state }) {
  const graph = payload.graphs[state.graph];
  const [curves = []] = Object.values(refinements(payload));
  return curves.map((curve) => ({ curve, place: placeOf(graph, curve.component) })).filter(({ place }) => place >= 0);
}

function pointOf({ curve, place }) {
  const whiskers = svg("path", { class: "cloud-whisker" });
  const node = svg("g", { class: "cloud-point", "data-part": curve.component }, whiskers, svg("circle", { r: 4.5 }), svg("text", { x: 8, y: 4, text: curve.component }));
  node.style.setProperty("--kind", "var(--llc)");
  return { curve, place, name: curve.component, node, whiskers, at: null };
}

/** Return both values at a checkpoint, each [value, low, high], or null where one is missing. */
function pairAt({ curve, place }, metric, { payload, state }, index = state.index) {
  if (!isUsable(curve, index)) return null;
  const at = index * payload.graphs[state.graph].components.length + place;
  const other = [metric.values, metric.low, metric.high].map((table) => table[at]);
  return Number.isFinite(other[0]) ? [[curve.values, curve.low, curve.high].map((table) => table[index]), other] : null;
}

function scalesOf(points, metric, model) {
  const pairs = points.flatMap((point) => model.payload.steps.map((_, i) => pairAt(point, metric, model, i)).filter(Boolean));
  const of = (side) => scaleOf(pairs.map((pair) => pair[side][0]), { root: false });
  return { across: of(0), up: of(1) };
}

function whisker([, low, high], place, way) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
  const [a, b] = [place(low).toFixed(1), place(high).toFixed(1)];
  return way === "H" ? `M${a} 0H${b}` : `M0 ${a}V${b}`;
}

function told(values) {
  const places = decimals(largest(values));
  const error = spread(values[1], values[2], places);
  return number(values[0], places) + (error ? ` ± ${error}` : "");
}
