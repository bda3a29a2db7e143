/**
 * The ablation graph as SVG: one element for each edge and component, reused at every step.
 *
 * We draw it ourselves because this is what scrubbing is about: a frame sets a width and an opacity
 * per edge and nothing else, styles follow the theme, and the drawing exports as it is.
 */

import { SHAPES, strokeOpacity, strokeWidth } from "./marks.mjs";
import { buildPanel, fillTools, syncThreshold } from "./graph_panel.mjs";
import { decimals, largest } from "./format.mjs";
import { edgePath, placeComponents } from "./places.mjs";
import { fillAbsence } from "./coverage.mjs";
import { followPointer, summarise } from "./graph_reading.mjs";
import { setAttribute, setClass, setText, svg } from "./elements.mjs";

const [SMALLEST, LARGEST] = [4.5, 15];

/** Build the graph panel and return its `update(model, changed)`. */
export function createGraph(model, signal) {
  const parts = buildPanel(model);
  let drawn = null;

  function rebuild() {
    const graph = model.payload.graphs[model.state.task];
    const size = parts.canvas.getBoundingClientRect();
    drawn = graph && size.width > 40 ? draw(graph, parts, model, size.width, size.height) : null;
    if (!drawn) for (const layer of [parts.rows, parts.edges, parts.nodes]) layer.replaceChildren();
  }

  const observer = new ResizeObserver(() => {
    rebuild();
    update(model, new Set(["task"]));
  });
  observer.observe(parts.canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  followPointer(parts, () => drawn, model, signal);

  function update(_, changed) {
    const anew = changed.has("payload") || changed.has("task");
    if (anew) rebuild();
    if (anew || changed.has("metric")) fillTools(parts, model, changed.has("payload"));
    if (anew || changed.has("component")) raiseSelected(drawn, parts, model);
    paint(drawn, parts, model);
  }
  return { update, summary: () => summarise(drawn, model) };
}

/** Lay everything out anew: on another size, task or payload, never while scrubbing. */
function draw(graph, parts, model, width, height) {
  const { places, layers, row, column, box } = placeComponents(graph.components, graph.order, width, height);
  setAttribute(parts.picture, "viewBox", `0 0 ${width} ${height}`);
  const compact = box.narrow || column < 64;
  parts.rows.replaceChildren(...layerRows(layers, row, box, width, compact));
  const edges = [];
  for (let e = 0; e < graph.edges.length / 2; e++) {
    const [from, to] = [graph.edges[2 * e], graph.edges[2 * e + 1]];
    const path = edgePath(places[from], places[to], row);
    edges.push({ from, to, path, node: svg("path", { d: path.d, class: "edge" }), width: -1, shown: true });
  }
  parts.edges.replaceChildren(...edges.map((e) => e.node));
  const nodes = graph.components.map((c, i) => componentNode(c, places[i], compact, model));
  parts.nodes.replaceChildren(...nodes.map((n) => n.node));
  return { graph, places, edges, nodes, compact, heaviest: graph.heaviest || 1, weightPlaces: decimals(graph.heaviest) };
}

function layerRows(layers, row, box, width, compact) {
  const rows = [];
  for (let layer = 0; layer < layers; layer++) {
    const y = box.bottom - (layer + 1) * row;
    rows.push(svg("line", { x1: compact ? 0 : 72, x2: width, y1: y, y2: y, class: "layer-line" }));
    if (!compact) rows.push(svg("text", { x: 0, y: y + 4, text: `layer ${layer}`, class: "layer-name" }));
  }
  return rows;
}

function componentNode(component, place, compact, model) {
  const shape = svg("path", { d: SHAPES[component.kind], class: "shape" });
  const label = svg("text", compact ? { "text-anchor": "middle" } : { y: 4 }, component.name);
  const node = svg(
    "g",
    {
      class: `node ${component.kind}`, transform: `translate(${place.x} ${place.y})`, tabindex: 0, role: "button",
      "data-component": component.name, "aria-pressed": "false",
      onclick: () => model.toggle(component.name),
      onkeydown: (event) => walk(event, model, component.name),
    },
    svg("circle", { r: 16, class: "target" }), shape, label,
  );
  return { node, shape, label, radius: -1 };
}

function walk(event, model, name) {
  if (event.key === "Enter") model.toggle(name);
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const nodes = [...event.currentTarget.parentNode.children];
  nodes[(nodes.indexOf(event.currentTarget) + by + nodes.length) % nodes.length].focus();
}

/** Draw one step. The only function here that runs on every frame. */
function paint(drawn, parts, model) {
  const { state, payload } = model;
  if (!drawn) {
    showState(parts, model, true);
    setText(parts.count, "");
    parts.ofWeight.hidden = true;
    return;
  }
  const { graph, edges } = drawn;
  const offset = state.index * edges.length;
  let [count, all, kept, total, measured] = [0, 0, 0, 0, false];
  for (let e = 0; e < edges.length; e++) {
    const weight = graph.weight[offset + e];
    const there = Number.isFinite(weight);
    measured ||= there;
    const shown = there && weight > 0 && weight >= state.threshold;
    if (there) [all, total] = [all + 1, total + Math.max(0, weight)];
    if (shown) [count, kept] = [count + 1, kept + weight];
    paintEdge(edges[e], shown, weight / drawn.heaviest);
  }
  paintNodes(drawn, state);
  const share = total > 0 ? Math.round((100 * kept) / total) : 0;
  setText(parts.count, measured ? `${count} of ${all} edges · ${share} %` : "");
  parts.ofWeight.hidden = !measured;
  showState(parts, model, !measured);
  syncThreshold(parts, model, payload.graphs[state.task]);
}

function paintEdge(edge, shown, share) {
  if (edge.shown !== shown) {
    edge.node.style.display = shown ? "" : "none";
    edge.shown = shown;
  }
  const width = shown ? strokeWidth(share) : edge.width;
  if (width === edge.width) return;
  edge.width = width;
  edge.node.style.strokeWidth = `${width}px`;
  edge.node.style.strokeOpacity = strokeOpacity(share);
}

function paintNodes(drawn, state) {
  const metric = drawn.graph.metrics.find((m) => m.id === state.metric);
  const top = metric ? (metric.top ??= largest(metric.values)) : 0;
  const offset = state.index * drawn.nodes.length;
  drawn.nodes.forEach((item, i) => {
    const value = metric ? metric.values[offset + i] : NaN;
    const known = Number.isFinite(value) && top > 0;
    const share = known ? Math.sqrt(Math.max(0, value) / top) : 0;
    const radius = Math.round((SMALLEST + (LARGEST - SMALLEST) * share) * 10) / 10;
    setClass(item.node, "unknown", metric !== undefined && !known);
    if (radius === item.radius) return;
    item.radius = radius;
    item.shape.setAttribute("transform", `scale(${radius})`);
    if (drawn.compact) item.label.setAttribute("y", radius + 12);
    else item.label.setAttribute("x", radius + 5);
  });
}

function showState(parts, model, on) {
  parts.state.hidden = !on;
  setClass(parts.canvas, "absent", on);
  if (on) fillAbsence(parts.state, model, "graph");
}

/** Put the selected component's edges on top, and say what is selected. */
function raiseSelected(drawn, parts, model) {
  if (!drawn) return;
  const chosen = drawn.graph.components.findIndex((c) => c.name === model.state.component);
  setClass(parts.picture, "has-selection", chosen >= 0);
  for (const edge of drawn.edges) {
    const on = edge.from === chosen || edge.to === chosen;
    setClass(edge.node, "on", on);
    if (on) parts.edges.append(edge.node);
  }
  drawn.nodes.forEach(({ node }, i) => {
    setClass(node, "selected", i === chosen);
    setAttribute(node, "aria-pressed", String(i === chosen));
  });
}
