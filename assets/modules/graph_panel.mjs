/** The graph panel around the drawing: its head, the threshold, the choice of prompts, the legend. */

import { KINDS, SHAPES, strokeOpacity, strokeWidth } from "./marks.mjs";
import { byId, element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { decimals, number } from "./format.mjs";

/** Build the panel and return its parts. */
export function buildPanel(model) {
  const head = byId("graph-head");
  const settings = element("span", { class: "panel-settings" });
  const tasks = element("span", { class: "slot" });
  const count = element("span");
  const ofWeight = element("span", { class: "of-weight", text: " of weight" });
  head.replaceChildren(
    element("h2", { text: "Ablation graph" }),
    element("span", { class: "panel-step", "data-step": "graph" }),
    tasks,
    settings,
    element("span", { class: "panel-fact graph-count" }, count, ofWeight),
  );
  const canvas = byId("graph-canvas");
  const [rows, edges, nodes] = [svg("g", { class: "rows" }), svg("g", { class: "edges" }), svg("g", { class: "nodes" })];
  const picture = svg("svg", { role: "group", "aria-label": "Components and the edges between them" }, rows, edges, nodes);
  const state = element("div", { class: "panel-state", hidden: true });
  canvas.replaceChildren(picture, state);
  const threshold = element("input", {
    type: "range", min: 0, max: 1000, step: 1, class: "range", "aria-label": "Show edges at least this heavy",
    oninput: (event) => model.set({ threshold: fromSlider(event.target.value / 1000, model) }),
  });
  const typed = element("input", {
    type: "text", inputmode: "decimal", class: "typed", "aria-label": "Smallest weight shown",
    onchange: (event) => {
      const value = Number(event.target.value);
      if (Number.isFinite(value)) model.set({ threshold: Math.max(0, value) });
    },
  });
  const legend = element("span", { class: "legend" });
  const scale = element("span", { class: "key", title: "1 − cosine between the clean and the ablated output" });
  byId("graph-tools").replaceChildren(
    element("label", { class: "tool" }, "edges at least", threshold, typed),
    scale,
    legend,
  );
  return { canvas, picture, rows, edges, nodes, state, count, ofWeight, threshold, typed, tasks, settings, legend, scale };
}

/** The slider gives light edges more room: weight grows with the square of its place. */
function fromSlider(place, model) {
  const most = model.payload.graphs[model.state.task]?.heaviest ?? 1;
  return Number((most * place * place).toPrecision(2));
}

/** Fill the menu of prompts and the legend; the menu is made anew only for new data, or it would lose the focus. */
export function fillTools(parts, model, fresh) {
  const { graphs } = model.payload;
  const options = Object.entries(graphs).map(([task, graph]) => [task, graph.label]);
  if (fresh || !parts.tasks.firstChild) {
    const choose = (event) => chooseTask(model, event.target.value);
    const menu = select({ class: "menu", "aria-label": "Prompts", onchange: choose }, options, model.state.task);
    const one = element("span", { class: "quiet", text: options[0]?.[1] ?? "" });
    parts.tasks.replaceChildren(options.length > 1 ? menu : one);
  } else parts.tasks.firstChild.value = model.state.task;
  setClass(byId("main"), "bare", !options.length);
  setText(parts.settings, graphs[model.state.task]?.settings ?? "");
  const metric = graphs[model.state.task]?.metrics.find((m) => m.id === model.state.metric);
  parts.legend.replaceChildren(
    ...Object.entries(KINDS).map(([kind, label]) =>
      element("span", { class: "key" }, svg("svg", { viewBox: "-1.3 -1.3 2.6 2.6", class: kind }, svg("path", { d: SHAPES[kind] })), label),
    ),
    element("span", { class: "key", text: metric ? `size: ${metric.name}` : "" }),
  );
}

function chooseTask(model, task) {
  const known = new Set((model.payload.taskCurves[task] ?? []).concat(model.payload.curves).map((c) => c.id));
  const lanes = model.state.lanes.filter((id) => known.has(id));
  model.set({ task, threshold: model.payload.graphs[task].threshold, lanes: lanes.length ? lanes : ["loss"] });
}

/** Show the threshold where it can be changed, unless the reader is changing it there. */
export function syncThreshold(parts, model, graph) {
  const { threshold } = model.state;
  const place = Math.round(1000 * Math.sqrt(Math.min(1, threshold / (graph.heaviest || 1))));
  if (Number(parts.threshold.value) !== place && document.activeElement !== parts.threshold) parts.threshold.value = place;
  setAttribute(parts.threshold, "aria-valuetext", `weight ${threshold}`);
  paintScale(parts.scale, threshold, graph.heaviest || 1);
  if (document.activeElement !== parts.typed && parts.typed.value !== String(threshold)) parts.typed.value = threshold;
}

/** The legend of widths: from the lightest edge shown to the heaviest of the run. */
function paintScale(scale, threshold, heaviest) {
  const key = `${threshold} ${heaviest}`;
  if (scale.dataset.shown === key) return;
  scale.dataset.shown = key;
  const places = decimals(heaviest);
  const samples = [0, 0.5, 1].map((t, i) => {
    const share = (threshold + t * (heaviest - threshold)) / heaviest;
    return svg("line", { x1: 18 * i, x2: 18 * i + 14, y1: 5, y2: 5, class: "sample", "stroke-width": strokeWidth(share), "stroke-opacity": strokeOpacity(share) });
  });
  scale.replaceChildren(svg("svg", { viewBox: "0 0 50 10", class: "widths", "aria-hidden": "true" }, ...samples), `${threshold} to ${number(heaviest, Math.min(2, places))}`);
}
