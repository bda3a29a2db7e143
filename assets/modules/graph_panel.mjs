/** The graph panel around the drawing: what is drawn at least and at most, and the legend. */

import { buildHead } from "./graph_head.mjs";
import { byId, element, select, setAttribute, setClass, svg } from "./elements.mjs";
import { createFind } from "./graph_find.mjs";
import { decimals, number } from "./format.mjs";
import { KINDS, SHAPES, strokeOpacity, strokeWidth } from "./marks.mjs";
import { readTop } from "./address.mjs";

const SIGN = "Colour edges by what ablating the component they leave does: red where the loss rises, blue where it falls, grey where its 95 % interval holds 0";
/** The choice of size that follows the ranks: a menu without a value is no part of a picture. */
const AS_RANKED = "as-ranked";

/** Build the panel and return its parts. */
export function buildPanel(model) {
  const canvas = byId("graph-canvas");
  const [rows, edges, nodes] = [svg("g", { class: "rows" }), svg("g", { class: "edges" }), svg("g", { class: "nodes" })];
  const picture = svg("svg", { role: "group", "aria-label": "Components and the edges between them" }, rows, edges, nodes);
  const state = element("div", { class: "panel-state", hidden: true });
  canvas.replaceChildren(picture, state);
  return { canvas, picture, rows, edges, nodes, state, ...buildHead(), ...buildTools(model) };
}

function buildTools(model) {
  const threshold = element("input", {
    type: "range", min: 0, max: 1000, step: 1, class: "range", "aria-label": "Show edges at least this heavy",
    oninput: (event) => model.set({ threshold: fromSlider(event.target.value / 1000, model) }),
  });
  const typed = element("input", {
    type: "text", inputmode: "decimal", class: "typed", "aria-label": "Smallest weight shown",
    onchange: (event) => {
      const value = Number(event.target.value);
      const most = model.payload.graphs[model.state.graph]?.heaviest ?? 0;
      if (event.target.value.trim() && Number.isFinite(value)) model.set({ threshold: Math.min(Math.max(0, value), most) });
      event.target.value = model.state.threshold;
    },
  });
  const most = element("input", {
    type: "text", class: "most", "aria-label": "Most edges shown", title: "a number, or all",
    onchange: (event) => {
      model.set({ top: readTop(event.target.value.trim().toLowerCase(), model.state.top) });
      event.target.value = topText(model.state.top);
    },
  });
  const legend = element("span", { class: "legend" });
  const scale = element("span", { class: "key", title: "1 − cosine between the clean and the ablated output" });
  const signs = element("button", { type: "button", class: "text-button toggle", text: "sign", title: SIGN, onclick: () => model.set({ signed: !model.state.signed }) });
  const signKey = element("span", { class: "key sign-key", hidden: true }, swatch("more"), "loss rises", swatch("less"), "falls");
  const find = createFind(model);
  byId("graph-tools").replaceChildren(
    element("div", { class: "tool-row of-edges" },
      element("label", { class: "tool" }, "edges at least", threshold, typed),
      element("label", { class: "tool" }, "at most", most, "edges"), scale, signs, signKey),
    element("div", { class: "tool-row" }, find.node, legend),
  );
  return { threshold, typed, most, legend, scale, signs, signKey, find };
}

function swatch(sign) {
  return svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("line", { x1: 0, x2: 10, y1: 5, y2: 5, class: `edge ${sign}`, "stroke-width": 3 }));
}

function topText(top) {
  return top === null ? "all" : number(top, 0);
}

/** The slider gives light edges more room: weight grows with the square of its place. */
function fromSlider(place, model) {
  const most = model.payload.graphs[model.state.graph]?.heaviest ?? 1;
  return Number((most * place * place).toPrecision(2));
}

/** Return the metric by which components have their size: that of the ranks, unless another is chosen. */
export function sizeMetric(graph, { size, metric }) {
  return graph.metrics.find((m) => m.id === (size || metric));
}

/** Fill the legend: the kinds that the graph has, and what the size of a mark is. */
export function fillTools(parts, model) {
  const graph = model.payload.graphs[model.state.graph];
  setClass(byId("main"), "bare", !graph);
  const focused = document.activeElement?.dataset.menu === "size";
  const ranked = graph?.metrics.find((m) => m.id === model.state.metric)?.name;
  const options = (graph?.metrics ?? []).map((m) => [m.id, m.name]);
  const choose = ({ target }) => model.set({ size: target.value === AS_RANKED ? "" : target.value });
  const size = select({ class: "menu", "data-menu": "size", "aria-label": "Size by", onchange: choose }, [[AS_RANKED, `${ranked}, as ranked`], ...options], model.state.size || AS_RANKED);
  const kinds = new Set(graph?.components.map((c) => c.kind) ?? []);
  parts.legend.replaceChildren(
    ...Object.entries(KINDS).filter(([kind]) => kinds.has(kind)).map(([kind, label]) =>
      element("span", { class: "key" }, svg("svg", { viewBox: "-1.3 -1.3 2.6 2.6", class: kind }, svg("path", { d: SHAPES[kind] })), label),
    ),
    element("span", { class: "key size-key", hidden: !options.length }, "size", size),
  );
  if (focused) size.focus();
}

/** Show what is drawn at least and at most where it can be changed, unless it is being changed there. */
export function syncTools(parts, model, { graph, edges }) {
  const { threshold, top } = model.state;
  const place = Math.round(1000 * Math.sqrt(Math.min(1, threshold / (graph.heaviest || 1))));
  if (Number(parts.threshold.value) !== place && document.activeElement !== parts.threshold) parts.threshold.value = place;
  setAttribute(parts.threshold, "aria-valuetext", `weight ${threshold}`);
  setAttribute(parts.signs, "aria-pressed", String(model.state.signed));
  parts.signKey.hidden = !model.state.signed;
  paintScale(parts.scale, threshold, graph, edges.slim);
  if (document.activeElement !== parts.typed && parts.typed.value !== String(threshold)) parts.typed.value = threshold;
  if (document.activeElement !== parts.most && parts.most.value !== topText(top)) parts.most.value = topText(top);
}

/** The legend of widths: from the lightest edge shown to the heaviest of the run. */
function paintScale(scale, threshold, graph, slim) {
  const heaviest = graph.heaviest || 1;
  const key = `${threshold} ${heaviest} ${slim}`;
  if (scale.dataset.shown === key) return;
  scale.dataset.shown = key;
  const places = decimals(heaviest);
  const samples = [0, 0.5, 1].map((t, i) => {
    const share = (threshold + t * (heaviest - threshold)) / heaviest;
    return svg("line", { x1: 18 * i, x2: 18 * i + 14, y1: 5, y2: 5, class: "sample", "stroke-width": slim * strokeWidth(share), "stroke-opacity": strokeOpacity(share, slim) });
  });
  scale.replaceChildren(svg("svg", { viewBox: "0 0 50 10", class: "widths", "aria-hidden": "true" }, ...samples), `${threshold} to ${number(heaviest, Math.min(2, places))}`);
}
