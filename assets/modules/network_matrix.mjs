/** The graph at the step as a matrix: rows send, columns receive; or layer by layer. */

import { anyOf, createReason, lacking, onSize, panelBody } from "./network_panel.mjs";
import { buildMatrix, drawMatrix, edgeView, paintMatrix } from "./matrix_view.mjs";
import { decimals, number } from "./format.mjs";
import { element, setAttribute } from "./elements.mjs";
import { scaleOf } from "./heat.mjs";

const WIDE = "This graph has too many edges to sum those of every checkpoint; as components its heaviest are shown.";
const VIEWS = { edges: "components", flow: "layers" };

/** Build the panel and return its `update(model, changed)`. */
export function createMatrix(model, signal) {
  let view = "edges";
  const buttons = Object.entries(VIEWS).map(([id, text]) => element("button", { type: "button", "data-view": id, text, onclick: () => ((view = id), refresh()) }));
  const body = panelBody("matrix", "Adjacency", element("span", { class: "segments", role: "group", "aria-label": "Rows and columns" }, ...buttons));
  const parts = buildMatrix(model, signal, () => shown);
  body.replaceChildren(parts.frame, parts.foot);
  const reason = createReason(body);
  let shown = null;
  onSize(parts.plane, signal, () => refresh());

  function refresh() {
    for (const button of buttons) setAttribute(button, "aria-pressed", String(button.dataset.view === view));
    const graph = model.payload.graphs[model.state.graph];
    const lists = graph && !graph.table;
    const why = !graph ? "No graph is measured yet." : view === "edges" ? "" : lists ? WIDE : lacking(model, "edges");
    reason.say(why);
    shown = why ? null : view === "edges" ? edgeView(graph) : flowView(model.state.structure);
    if (!shown) return;
    drawMatrix(parts, shown);
    paint();
  }

  function paint() {
    if (shown) paintMatrix(parts, shown, model);
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "structure", "scheme", "compact")) refresh();
    else if (anyOf(changed, "index", "component")) paint();
  }
  return { update };
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
