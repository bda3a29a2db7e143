/** The ablation graph at A and at B with one scale, and between them what differs. */

import { anyOf, onSize, panelBody } from "./network_panel.mjs";
import { byId, element, setClass, setText } from "./elements.mjs";
import { createPicture } from "./compare_picture.mjs";
import { decimals, largest, number } from "./format.mjs";
import { drawnChanges } from "./compare_edges.mjs";
import { drawnEdges } from "./edges.mjs";
import { edgesTable } from "./compare_files.mjs";
import { metricOf, rowsOf } from "./compare_values.mjs";
import { createTools } from "./compare_tools.mjs";
import { offerTable } from "./saving.mjs";
import { shareText, sideText } from "./compare_text.mjs";
import { pointAt } from "./compare_reading.mjs";

const SIDES = ["a", "difference", "b"];
const TITLES = { a: "A", difference: "B − A", b: "B" };

/** Build the panel and return its `update(model, changed)`. */
export function createGraphs(model, signal) {
  const fact = element("span", { class: "quiet" });
  const body = panelBody("compare-graphs", "Ablation graphs", fact);
  byId("compare-graphs-head").querySelector(".panel-step").remove();
  const views = Object.fromEntries(SIDES.map((side) => [side, createView(side)]));
  const tools = createTools(model);
  offerTable(body, () => edgesTable(model));
  body.replaceChildren(element("div", { class: "compare-three" }, ...SIDES.map((side) => views[side].node)), tools.node);
  for (const side of SIDES) {
    const view = views[side];
    view.picture = createPicture(view.canvas, model, side);
    pointAt(view, model, signal);
    onSize(view.canvas, signal, () => (layOut(view, model), paint(model, views, tools)));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "beside", "graph", "metric")) for (const side of SIDES) layOut(views[side], model);
    if (anyOf(changed, "payload", "beside", "graph", "other")) setText(fact, model.pair()?.a?.settings ?? "");
    if (anyOf(changed, "payload", "beside", "graph", "metric", "component", "pins")) for (const side of SIDES) views[side].picture.raise();
    paint(model, views, tools);
  }
  return { update };
}

function createView(side) {
  const parts = { title: element("strong", { text: TITLES[side] }), step: element("span", { class: "quiet" }), count: element("span", { class: "compare-count quiet" }), canvas: element("div", { class: `graph-canvas compare-canvas ${side}` }), words: element("span") };
  parts.state = element("div", { class: "panel-state", hidden: true }, parts.words);
  const head = element("figcaption", { class: "compare-caption" }, element("i", { class: `compare-letter ${side}`, "aria-hidden": "true" }), parts.title, parts.step, parts.count);
  return { side, ...parts, node: element("figure", { class: "compare-figure", "data-side": side }, head, parts.canvas) };
}

/** Lay a picture out anew: on another size, graph, metric or run, never while scrubbing. */
function layOut(view, model) {
  const { width, height } = view.canvas.getBoundingClientRect();
  const pair = model.pair();
  const graph = view.side === "difference" ? (pair?.match && differenceGraph(pair)) : pair?.[view.side];
  view.picture.lay(width > 40 && height > 80 ? graph && scaled(graph, pair) : null, width, height);
  if (!view.canvas.contains(view.state)) view.canvas.append(view.state);
}

/** One scale for both runs: widths mean the same weight in all three pictures. */
function scaled(graph, { heaviest }) {
  return { ...graph, heaviest };
}

/** A graph as the layers of nodes and edges take it, whose weights are sizes of changes; filled on every frame. */
function differenceGraph({ match, changes }) {
  const pairs = match.pairs;
  const ends = pairs && Int16Array.from({ length: 2 * pairs.from.length }, (_, k) => (k % 2 ? pairs.to : pairs.from)[k >> 1]);
  const edges = pairs ? { table: { ends, weight: new Float32Array(pairs.from.length) } } : { lists: { offsets: [0, changes?.from.length ?? 0], source: [], target: [], weight: [] } };
  return { components: match.components, order: match.order, ...edges };
}

function paint(model, views, tools) {
  const pair = model.pair();
  const rows = rowsOf(model);
  for (const side of ["a", "b"]) paintSide(views[side], model, pair);
  paintDifference(views.difference, model, pair, rows);
  tools.paint(pair, views.difference.drawn);
}

function paintSide(view, model, pair) {
  const { side } = view;
  const index = side === "a" ? pair?.i : pair?.j;
  const graph = pair?.[side];
  setText(view.step, sideText(model, side));
  const drawn = graph && index >= 0 ? drawnEdges(graph, index, model.state.threshold, model.state.top) : null;
  view.drawn = drawn;
  view.index = index;
  setText(view.count, drawn?.measured ? `${number(drawn.edges.length, 0)} of ${number(drawn.all, 0)} edges · ${shareText(drawn)} % of weight` : "");
  say(view, drawn?.measured ? "" : lacking(model, pair, side));
  if (!drawn?.measured) return view.picture.clear();
  const metric = metricOf(graph, model.state);
  const top = Math.max(...["a", "b"].map((s) => topOf(metricOf(pair[s], model.state))));
  return view.picture.paint(index, drawn, metric && { values: metric.values, top }, null);
}

function topOf(metric) {
  return metric ? (metric.top ??= largest(metric.values)) : 0;
}

function paintDifference(view, model, pair, rows) {
  const { least, most, sure } = model.state;
  const changes = pair?.changes;
  const drawn = changes && drawnChanges(changes, least, most, sure);
  view.drawn = drawn;
  view.rows = rows;
  setText(view.count, drawn ? `${number(drawn.edges.length, 0)} of ${number(drawn.all, 0)} edges · ${shareText(drawn)} % of change` : "");
  setText(view.step, changes ? "blue: heavier in A, orange: in B" : "");
  say(view, changes ? "" : lacking(model, pair, "difference"));
  setClass(view.canvas, "same", Boolean(drawn && !drawn.total));
  if (!changes) return view.picture.clear();
  const sizes = Float32Array.from(rows, (row) => (row.change ? Math.abs(row.change.value) : NaN));
  const reach = Math.max(...["a", "b"].map((s) => topOf(metricOf(pair[s], model.state))));
  return view.picture.paintChanges(changes, drawn, { values: sizes, top: reach }, rows);
}

function say(view, reason) {
  view.state.hidden = !reason;
  setText(view.words, reason);
  setClass(view.canvas, "absent", Boolean(reason));
}

/** Return why a picture is empty, in words. */
function lacking(model, pair, side) {
  const { state, payload } = model;
  if (state.trouble) return state.trouble;
  if (!pair) return `Loading ${state.other || "the run"} …`;
  if (!pair.a && !pair.b) return "No graph is measured yet: press Compute on the Development page.";
  if (side !== "difference" && !pair[side]) return `${side === "a" ? payload.run.name : state.beside.run.name} has no such graph.`;
  if (side === "difference" && !(pair.a && pair.b)) return "There is no graph of the same prompts and ablation on both sides.";
  return side === "difference" ? "A difference needs both graphs." : `Not computed at ${sideText(model, side)}.`;
}

/** Return with how many decimals weights of a pair are written. */
export function placesOf(pair) {
  return decimals(pair.heaviest);
}
