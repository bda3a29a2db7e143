/** The graph at the step as a matrix: rows send, columns receive; or layer by layer. */

import { anyOf, createReason, hush, lacking, onSize, panelBody, stepAt, tell } from "./network_panel.mjs";
import { decimals, number, spread } from "./format.mjs";
import { evenCells, legendOf, paintCells, scaleOf, shader, shadesOf } from "./heat.mjs";
import { element, setAttribute, setClass } from "./elements.mjs";
import { layerName, layerwise } from "./network_rows.mjs";

const WIDE = "This graph has too many edges to keep them all; the Development page draws its heaviest.";
const LABEL = 11;
const VIEWS = { edges: "components", flow: "layers" };

/** Build the panel and return its `update(model, changed)`. */
export function createMatrix(model, signal) {
  let view = "edges";
  const buttons = Object.entries(VIEWS).map(([id, text]) => element("button", { type: "button", "data-view": id, text, onclick: () => ((view = id), refresh()) }));
  const body = panelBody("matrix", "Adjacency", element("span", { class: "segments", role: "group", "aria-label": "Rows and columns" }, ...buttons));
  const parts = build(model, signal, () => shown);
  body.replaceChildren(parts.frame, parts.foot);
  const reason = createReason(body);
  let shown = null;
  onSize(parts.plane, signal, () => refresh());

  function refresh() {
    for (const button of buttons) setAttribute(button, "aria-pressed", String(button.dataset.view === view));
    const graph = model.payload.graphs[model.state.graph];
    const lists = graph && !graph.table;
    const why = !graph ? "No graph is measured yet." : lists ? WIDE : view === "flow" ? lacking(model, "edges") : "";
    reason.say(why);
    shown = why ? null : view === "edges" ? edgeView(graph) : flowView(model.state.structure);
    if (!shown) return;
    shown.shade = shader(shown.scale, shadesOf(shown.scale));
    drawFrame(parts, shown);
    parts.legend.replaceChildren(legendOf(shown.scale, shown.unit));
    paint();
  }

  function paint() {
    if (!shown) return;
    const { canvas } = parts;
    const n = shown.names.length;
    const pixels = evenCells(n, n);
    const values = shown.at(model.state.index);
    paintCells(canvas, pixels, pixels, (column, row) => shown.shade(values[row * n + column]));
    const chosen = shown.names.indexOf(model.state.component);
    for (const [mark, side, size] of [[parts.row, "top", "height"], [parts.column, "left", "width"]]) {
      mark.hidden = chosen < 0;
      mark.style[side] = `${(100 * chosen) / n}%`;
      mark.style[size] = `${100 / n}%`;
    }
    for (const label of parts.frame.querySelectorAll("[data-component]")) setClass(label, "selected", label.dataset.component === model.state.component);
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "structure", "scheme", "compact")) refresh();
    else if (anyOf(changed, "index", "component")) paint();
  }
  return { update };
}

/** All edges of a graph in rows and columns by layer; cells of edges that cannot be stay clear. */
function edgeView(graph) {
  const { ends, weight, error } = graph.table;
  const n = graph.components.length;
  const order = layerwise(graph.components);
  const place = new Int32Array(n);
  order.forEach((c, row) => (place[c] = row));
  const count = ends.shape[0];
  const cells = Int32Array.from({ length: count }, (_, e) => place[ends[2 * e]] * n + place[ends[2 * e + 1]]);
  const edgeAt = new Int32Array(n * n).fill(-1);
  cells.forEach((cell, e) => (edgeAt[cell] = e));
  const values = new Float32Array(n * n);
  const names = order.map((c) => graph.components[c].name);
  const places = decimals((graph.heaviest ?? 1) || 1);
  const words = (e, i) => {
    const half = error[i * count + e];
    return number(weight[i * count + e], places) + (Number.isFinite(half) ? ` ± ${spread(-half, half, places)}` : "");
  };
  return {
    names, layers: names.map(layerName), components: true, edgeAt, words,
    possible: Uint8Array.from(edgeAt, (e) => e >= 0), unit: "weight, 1 − cosine", threshold: graph.threshold,
    scale: scaleOf(weight, { root: true, low: 0 }),
    at(index) {
      values.fill(NaN);
      for (let e = 0; e < count; e++) values[cells[e]] = weight[index * count + e];
      return values;
    },
  };
}

/** Sums of weights from layer to layer. */
function flowView(structure) {
  const { flow } = structure.edges;
  const names = structure.layers.names;
  const n = names.length;
  const possible = new Uint8Array(n * n);
  flow.forEach((v, i) => v > 0 && (possible[i % (n * n)] = 1));
  const places = decimals(flow.reduce((most, v) => (v > most ? v : most), 0));
  return {
    names, layers: names, components: false, possible, unit: "sum of weights", scale: scaleOf(flow, { root: true, low: 0 }),
    words: (cell, i) => number(flow[i * n * n + cell], places),
    at: (index) => Float32Array.from(flow.subarray(index * n * n, (index + 1) * n * n), (v, cell) => (possible[cell] ? v : NaN)),
  };
}

function build(model, signal, current) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const lines = element("div", { class: "matrix-lines" });
  const [row, column] = [element("i", { class: "matrix-mark", hidden: true }), element("i", { class: "matrix-mark column", hidden: true })];
  const plane = element("div", { class: "matrix-plane", role: "img", "aria-label": "Weights of all edges: rows send, columns receive" }, canvas, lines, row, column);
  const [left, top] = [element("div", { class: "matrix-left" }), element("div", { class: "matrix-top" })];
  const frame = element("div", { class: "matrix-frame" }, element("span", { class: "matrix-corner" }, "from ↓", element("br"), "to →"), top, left, plane);
  const legend = element("div", { class: "legend-place" });
  const foot = element("div", { class: "matrix-foot" }, legend, element("span", { class: "key" }, element("i", { class: "swatch none" }), element("span", { text: "no edge can be" })));
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
  return { canvas, lines, row, column, plane, left, top, frame, legend, foot };
}

function describe(model, shown, row, column) {
  const cell = row * shown.names.length + column;
  const title = `${shown.names[row]} → ${shown.names[column]}`;
  const { index, structure } = model.state;
  const foot = stepAt(model, index);
  if (!shown.possible[cell]) return { title, rows: [], words: "No edge can be: edges run forward only.", foot };
  if (!shown.components) return { title, rows: [["sum of weights", shown.words(cell, index)]], foot };
  const edge = shown.edgeAt[cell];
  const stands = structure?.edges?.persistence[edge];
  const words = Number.isFinite(stands) ? `Stands at ${structure.edges.threshold} in ${number(100 * stands, 0)} % of checkpoints.` : "";
  return { title, rows: [["weight, 1 − cosine", shown.words(edge, index)]], words, foot };
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
