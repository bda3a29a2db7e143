/** A matrix of a graph's edges: rows send, columns receive. What the pages Development and Network show. */

import { decimals, number, spread } from "./format.mjs";
import { edgeCount, edgeEnds, edgeValue } from "./edges.mjs";
import { element, setClass, setText } from "./elements.mjs";
import { evenCells, legendOf, paintCells, scaleOf, shader, shadesOf } from "./heat.mjs";
import { hush, stepAt, tell } from "./network_panel.mjs";
import { layerName, layerwise } from "./network_rows.mjs";

const LABEL = 11;

/**
 * All edges of a graph in rows and columns by layer; cells of edges that cannot be stay clear. Of a
 * wide graph those are shown that the run's data hold, which are the heaviest of each checkpoint.
 */
export function edgeView(graph) {
  const n = graph.components.length;
  const order = layerwise(graph.components);
  const place = new Int32Array(n);
  order.forEach((c, row) => (place[c] = row));
  const names = order.map((c) => graph.components[c].name);
  const cells = graph.table ? ofTable(graph, place) : ofLists(graph, place);
  const places = decimals(graph.heaviest || 1);
  const words = (e, i) => {
    const half = edgeValue(graph, i, e, "error");
    return number(edgeValue(graph, i, e), places) + (Number.isFinite(half) ? ` ± ${spread(-half, half, places)}` : "");
  };
  const weights = (graph.table ?? graph.lists).weight;
  return { names, layers: names.map(layerName), components: true, words, unit: "weight, 1 − cosine", threshold: graph.threshold, scale: scaleOf(weights, { root: true, low: 0 }), ...cells };
}

/** Where every edge has a number that is the same at all checkpoints. */
function ofTable(graph, place) {
  const n = place.length;
  const { ends, weight } = graph.table;
  const count = ends.shape[0];
  const cells = Int32Array.from({ length: count }, (_, e) => place[ends[2 * e]] * n + place[ends[2 * e + 1]]);
  const edges = new Int32Array(n * n).fill(-1);
  cells.forEach((cell, e) => (edges[cell] = e));
  const values = new Float32Array(n * n);
  return {
    possible: Uint8Array.from(edges, (e) => e >= 0),
    edgeAt: (cell) => edges[cell],
    at(index) {
      values.fill(NaN);
      for (let e = 0; e < count; e++) values[cells[e]] = weight[index * count + e];
      return values;
    },
  };
}

/** Where each checkpoint has a list of its heaviest edges; any edge may be that runs forward. */
function ofLists(graph, place) {
  const n = place.length;
  const values = new Float32Array(n * n);
  const edges = new Int32Array(n * n);
  let shown = -1;
  function at(index) {
    if (index === shown) return values;
    shown = index;
    values.fill(NaN);
    edges.fill(-1);
    for (let e = 0; e < edgeCount(graph, index); e++) {
      const [from, to] = edgeEnds(graph, index, e);
      const cell = place[from] * n + place[to];
      values[cell] = edgeValue(graph, index, e);
      edges[cell] = e;
    }
    return values;
  }
  const ranks = graph.components.reduce((all, _, c) => ((all[place[c]] = graph.order[c]), all), new Float64Array(n));
  return { possible: Uint8Array.from({ length: n * n }, (_, cell) => Number(ranks[Math.floor(cell / n)] < ranks[cell % n])), edgeAt: (cell) => edges[cell], at, partial: true };
}

/**
 * Build a matrix and return its parts, of which `frame` and `foot` are to be placed; `current()` is
 * the view it shows, or null.
 */
export function buildMatrix(model, signal, current) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const lines = element("div", { class: "matrix-lines" });
  const [row, column] = [element("i", { class: "matrix-mark", hidden: true }), element("i", { class: "matrix-mark column", hidden: true })];
  const plane = element("div", { class: "matrix-plane", role: "img", "aria-label": "Weights of all edges: rows send, columns receive" }, canvas, lines, row, column);
  const [left, top] = [element("div", { class: "matrix-left" }), element("div", { class: "matrix-top" })];
  const frame = element("div", { class: "matrix-frame" }, element("span", { class: "matrix-corner" }, "from ↓", element("br"), "to →"), top, left, plane);
  const none = element("span");
  const legend = element("div", { class: "legend-place" });
  const foot = element("div", { class: "matrix-foot" }, legend, element("span", { class: "key" }, element("i", { class: "swatch none" }), none));
  const cell = (event) => {
    const box = plane.getBoundingClientRect();
    const n = current().names.length;
    const at = (share) => Math.min(n - 1, Math.max(0, Math.floor(share * n)));
    return [at((event.clientY - box.top) / box.height), at((event.clientX - box.left) / box.width)];
  };
  plane.addEventListener("pointermove", (event) => current() && tell(model, event, describe(model, current(), ...cell(event))), { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  plane.addEventListener("click", (event) => current()?.components && model.toggle(current().names[cell(event)[0]]), { signal });
  const select = (event) => event.target.closest("[data-component]") && model.toggle(event.target.closest("[data-component]").dataset.component);
  left.addEventListener("click", select, { signal });
  return { canvas, lines, row, column, plane, left, top, frame, legend, none, foot };
}

function describe(model, shown, row, column) {
  const cell = row * shown.names.length + column;
  const title = `${shown.names[row]} → ${shown.names[column]}`;
  const { index, structure } = model.state;
  const foot = stepAt(model, index);
  if (!shown.possible[cell]) return { title, rows: [], words: "No edge can be: edges run forward only.", foot };
  if (!shown.components) return { title, rows: [["sum of weights", shown.words(cell, index)]], foot };
  const edge = shown.edgeAt(cell);
  if (edge < 0) return { title, rows: [["weight, 1 − cosine", "not among the heaviest kept"]], foot };
  const stands = structure?.edges?.persistence[edge];
  const words = Number.isFinite(stands) ? `Stands at ${structure.edges.threshold} in ${number(100 * stands, 0)} % of checkpoints.` : "";
  return { title, rows: [["weight, 1 − cosine", shown.words(edge, index)]], words, foot };
}

/** Draw what does not depend on the checkpoint: names, lines, the scale. */
export function drawMatrix(parts, shown) {
  shown.shade = shader(shown.scale, shadesOf(shown.scale));
  drawFrame(parts, shown);
  parts.legend.replaceChildren(legendOf(shown.scale, shown.unit));
  setText(parts.none, shown.partial ? "no edge can be, or not among the heaviest kept" : "no edge can be");
}

/** Paint one checkpoint, and mark the selected component. */
export function paintMatrix(parts, shown, model) {
  const n = shown.names.length;
  const pixels = evenCells(n, n);
  const values = shown.at(model.state.index);
  paintCells(parts.canvas, pixels, pixels, (column, row) => shown.shade(values[row * n + column]));
  const chosen = shown.names.indexOf(model.state.component);
  for (const [mark, side, size] of [[parts.row, "top", "height"], [parts.column, "left", "width"]]) {
    mark.hidden = chosen < 0;
    mark.style[side] = `${(100 * chosen) / n}%`;
    mark.style[size] = `${100 / n}%`;
  }
  for (const label of parts.frame.querySelectorAll("[data-component]")) setClass(label, "selected", label.dataset.component === model.state.component);
}

/** Names along two sides, where they have room, and lines between layers. */
function drawFrame({ left, top, plane, lines }, { names, layers, components }) {
  const n = names.length;
  const room = plane.clientWidth / n;
  const starts = layers.flatMap((layer, k) => (layer === layers[k - 1] ? [] : [k]));
  lines.replaceChildren(...starts.slice(1).flatMap((k) => ["across", "down"].map((way) => {
    const line = element("i", { class: way });
    line.style[way === "across" ? "top" : "left"] = `${(100 * k) / n}%`;
    return line;
  })));
  const shown = room >= LABEL ? names.map((name, k) => [name, k]) : apart(starts, LABEL / room).map((k) => [layers[k], k]);
  const label = (side, tag) => ([name, k]) => {
    const node = element(tag, { text: name, ...(tag === "button" ? { type: "button", "data-component": name } : {}) });
    node.style[side] = `${(100 * (k + (room >= LABEL ? 0.5 : 0))) / n}%`;
    return node;
  };
  left.replaceChildren(...shown.map(label("top", components && room >= LABEL ? "button" : "span")));
  top.replaceChildren(...shown.map(label("left", "span")));
}

/** Return those of some places, in order, that lie at least so far apart that their names do not touch. */
function apart(places, least) {
  return places.reduce((kept, place) => (kept.length && place - kept.at(-1) < least ? kept : [...kept, place]), []);
}
