/**
 * The ablation graph as SVG: its layers from bottom to top, drawn anew at every step.
 *
 * We draw it ourselves because this is what scrubbing is about: a frame writes what has changed and
 * nothing else, styles follow the theme, and the drawing exports as it is.
 */

import { buildPanel, fillTools, sizeMetric, syncTools } from "./graph_panel.mjs";
import { colouring, fillColourMenu, hatching } from "./graph_colour.mjs";
import { createEdges } from "./edge_layer.mjs";
import { createNodes } from "./node_layer.mjs";
import { createGraphMatrix } from "./graph_matrix.mjs";
import { decimals } from "./format.mjs";
import { drawnEdges } from "./edges.mjs";
import { fillAbsence, remedyOf } from "./coverage.mjs";
import { fillHead, paintHead } from "./graph_head.mjs";
import { followPointer, summarise } from "./graph_reading.mjs";
import { layerStride, placeComponents } from "./places.mjs";
import { matching, shownOf, standingOut } from "./pins.mjs";
import { element, setAttribute, setClass, svg } from "./elements.mjs";

/** What changes which components and edges stand out. */
const CHOICE = ["component", "pins", "find", "onlyPins"];

/** Build the graph panel and return its `update(model, changed)`. */
export function createGraph(model, signal) {
  const parts = buildPanel(model);
  parts.colourScale = element("div", { class: "graph-scale" });
  parts.canvas.append(parts.colourScale);
  parts.picture.prepend(hatching());
  const matrix = createGraphMatrix(parts, model, signal);
  let drawing = null;

  function rebuild() {
    const graph = model.payload.graphs[model.state.graph];
    const size = parts.canvas.getBoundingClientRect();
    drawing = graph && size.width > 40 ? draw(graph, parts, model, size.width, size.height) : null;
    if (!drawing) for (const layer of [parts.rows, parts.edges, parts.nodes]) layer.replaceChildren();
  }

  const observer = new ResizeObserver(() => update(model, new Set(["graph"])));
  observer.observe(parts.canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  followPointer(parts, () => drawing, model, signal);

  function update(_, changed) {
    const anew = changed.has("payload") || changed.has("graph");
    if (anew) rebuild();
    if (anew) fillHead(parts, model);
    if (anew) parts.find.fill(model.payload.graphs[model.state.graph]);
    if (anew || changed.has("metric") || changed.has("size")) fillTools(parts, model);
    if (anew || CHOICE.some((name) => changed.has(name))) choose(drawing, parts, model);
    if (anew || changed.has("colour") || changed.has("scheme")) colour(drawing, parts, model);
    paint(drawing, parts, model);
    matrix.update(model, changed);
  }
  return { update, summary: () => summarise(drawing, model) };
}

/** Lay everything out anew: on another size, graph or payload, never while scrubbing. */
function draw(graph, parts, model, width, height) {
  const layout = placeComponents(graph.components, graph.order, width, height);
  setAttribute(parts.picture, "viewBox", `0 0 ${width} ${height}`);
  setClass(parts.picture, "sparse", layout.labels === "none");
  parts.rows.replaceChildren(...layerRows(layout, width), ...columnNames(layout));
  return {
    graph,
    layout,
    edges: createEdges(parts.edges, graph, layout),
    nodes: createNodes(parts.nodes, graph, layout, model),
    weightPlaces: decimals(graph.heaviest),
    drawn: drawn(graph, model.state),
    colour: null,
    out: standingOut(graph, model.state),
  };
}

/** Return what is drawn at the step; the matrix always has all edges. */
function drawn(graph, state) {
  if (state.matrix) return drawnEdges(graph, state.index, 0, null);
  return drawnEdges(graph, state.index, state.threshold, state.top, shownOf(graph, state));
}

/** Choose what colours say, and show the scale where they stand for numbers. */
function colour(drawing, parts, model) {
  fillColourMenu(parts.colours, model);
  const found = drawing && colouring(model);
  if (drawing) drawing.colour = found;
  setClass(parts.canvas, "coloured", Boolean(found));
  parts.colourScale.replaceChildren(...(found ? [found.legend] : []));
}

function layerRows({ layers, row, box, labels, room }, width) {
  const rows = [];
  const crowded = room < 24;
  const named = crowded || labels === "beside" || labels === "parts";
  for (let layer = 0; layer < layers; layer += crowded ? layerStride(row) : 1) {
    const y = box.bottom - (layer + 1) * row;
    rows.push(svg("line", { x1: named && !box.narrow ? 72 : 0, x2: width, y1: y, y2: y, class: "layer-line" }));
    if (named) rows.push(svg("text", { x: 4, y: y + 4, text: box.narrow ? layer : `layer ${layer}`, class: "layer-name" }));
  }
  return rows;
}

/** Return the names of columns, where the heads under them have none of their own. */
function columnNames({ apart, columns, column, box, labels }) {
  if (labels === "beside" || labels === "below") return [];
  const stride = Math.ceil((box.narrow ? 20 : 28) / column);
  const heads = columns - (apart ? 1 : 0);
  const short = column < 56;
  const names = Array.from({ length: heads }, (_, head) => ({ at: head + (apart ? 1 : 0), text: short && (head || box.narrow) ? `${head}` : `head ${head}`, shown: head % stride === 0 }));
  if (apart) names.unshift({ at: 0, text: short ? "all" : "all heads", shown: true });
  names.push({ at: columns, text: "MLP", shown: true });
  return names
    .filter(({ shown, at }) => shown && (at === columns || columns - at >= stride))
    .map(({ at, text }) => svg("text", { x: box.left + at * column, y: 10, text, class: "layer-name", "text-anchor": "middle" }));
}

/** Draw one step. The only function here that runs on every frame. */
function paint(drawing, parts, model) {
  const { state } = model;
  if (!drawing) {
    showState(parts, model, true);
    paintHead(parts, model, null);
    return;
  }
  const { graph } = drawing;
  drawing.drawn = drawn(graph, state);
  if (!state.matrix) {
    drawing.edges.paint(state.index, drawing.drawn, drawing.out.edge, state.signed);
    drawing.nodes.paint(state.index, sizeMetric(graph, state), drawing.colour, shownOf(graph, state));
  }
  paintHead(parts, model, drawing.drawn);
  showState(parts, model, !drawing.drawn.measured);
  syncTools(parts, model, drawing);
}

function showState(parts, model, on) {
  parts.state.hidden = !on;
  setClass(parts.canvas, "absent", on);
  if (on) fillAbsence(parts.state, model, "graph", remedyOf(model));
}

/** Put the edges that stand out on top, and mark what is selected, pinned and found. */
function choose(drawing, parts, model) {
  parts.find.update();
  if (!drawing) return;
  drawing.out = standingOut(drawing.graph, model.state);
  setClass(parts.picture, "has-selection", drawing.out.any);
  drawing.edges.raise(drawing.out.edge);
  drawing.nodes.raise(drawing.out, matching(drawing.graph, model.state.find));
}
