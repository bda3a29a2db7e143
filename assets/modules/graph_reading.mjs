/** Reading the graph: what lies under the pointer, in numbers, and the whole at this step, in words. */

import { decimals, largest, number, spread, step as formatStep } from "./format.mjs";
import { distance2, edgePath, parse } from "./places.mjs";
import { edgeEnds, edgeValue } from "./edges.mjs";
import { agreementWords } from "./graph_head.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";
import { PART_NAMES } from "./marks.mjs";
import { choose } from "./node_layer.mjs";
import { shownOf } from "./pins.mjs";
import { placeOf } from "./payload.mjs";
import { setClass } from "./elements.mjs";

const NEAR = 6;
const UNMEASURED = "not measured";

/** Tell what is under the pointer; a click beside everything clears the selection. */
export function followPointer(parts, current, model, signal) {
  const under = (event) => {
    const box = parts.canvas.getBoundingClientRect();
    return current() && pick(current(), event.clientX - box.left, event.clientY - box.top, model.state);
  };
  const point = (hit) => {
    setClass(parts.canvas, "pointing", hit?.node !== undefined);
    current()?.nodes.point(hit?.node ?? -1);
  };
  parts.picture.addEventListener("pointermove", (event) => {
    const hit = under(event);
    point(hit);
    if (hit) showTooltip(event.clientX, event.clientY, describe(current(), hit, model));
    else hideTooltip();
  }, { signal });
  parts.picture.addEventListener("pointerleave", () => (point(null), hideTooltip()), { signal });
  parts.picture.addEventListener("click", (event) => {
    if (event.target.closest("[role=button]")) return;
    const hit = under(event);
    if (hit?.node !== undefined) choose(event, model, current().graph.components[hit.node].name);
    else if (model.state.component) model.toggle(model.state.component);
  }, { signal });
}

/** Return the nearest component or else the nearest drawn edge under a point. */
function pick({ graph, layout, nodes, drawn }, x, y, state) {
  const shown = shownOf(graph, state);
  let [best, node] = [Infinity, -1];
  layout.places.forEach((place, i) => {
    if (shown && !shown[i]) return;
    const beyond = Math.hypot(place.x - x, place.y - y) - Math.max(nodes.radius(i) + 2, Math.min(10, 0.7 * layout.room));
    if (beyond < Math.min(0, best)) [best, node] = [beyond, i];
  });
  if (node >= 0) return { node };
  const chosen = placeOf(graph, state.component);
  let [near, edge] = [NEAR ** 2, -1];
  for (const e of drawn.edges) {
    const [from, to] = edgeEnds(graph, state.index, e);
    if (chosen >= 0 && from !== chosen && to !== chosen) continue;
    const [a, b] = [layout.places[from], layout.places[to]];
    const d = distance2(a, edgePath(a, b, layout), b, x, y);
    if (d < near) [near, edge] = [d, e];
  }
  return edge >= 0 ? { edge } : null;
}

function describe(drawing, { node, edge }, model) {
  const { graph } = drawing;
  const foot = `step ${formatStep(model.payload.steps[model.state.index])}${graph.approximate ? " · approximation" : ""}`;
  return edge === undefined ? describeNode(drawing, node, model, foot) : describeEdge(drawing, edge, model, foot);
}

function describeEdge({ graph, weightPlaces }, edge, { state }, foot) {
  const [from, to] = edgeEnds(graph, state.index, edge).map((c) => graph.components[c].name);
  const value = (name, error, places) => interval(edgeValue(graph, state.index, edge, name), edgeValue(graph, state.index, edge, error), places);
  const norm = edgeValue(graph, state.index, edge, "norm");
  return {
    title: `${from} → ${to}`,
    rows: [
      ["weight, 1 − cosine", value("weight", "error", weightPlaces)],
      ["relative norm change", value("norm", "normError", Math.max(2, decimals(norm)))],
      ["prompts", number(graph.prompts, 0)],
    ],
    foot,
  };
}

function describeNode({ graph, colour }, node, { state, payload }, foot) {
  const { name } = graph.components[node];
  const at = state.index * graph.components.length + node;
  const part = PART_NAMES[parse(name).part];
  const rows = graph.metrics.map((m) => [m.name, Number.isFinite(m.values[at]) ? number(m.values[at], decimals(m.top ??= largest(m.values))) : UNMEASURED]);
  const language = payload.run.family === "language";
  const source = name !== "LOGITS";
  if (source) rows.push([language ? "loss when ablated" : "squared error when ablated", change(graph.lossChange[at], graph.lossError[at], language ? " nats" : "")]);
  if (source && language) rows.push(["right token’s logit", change(graph.logitChange[at], graph.logitError[at], "")]);
  const coloured = colour?.textOf(node, state.index);
  if (coloured && !colour.told) rows.push([colour.name, coloured]);
  const told = source && Number.isFinite(graph.lossChange[at]);
  const logits = Number.isFinite(graph.logitChange[at]);
  const words = `Ablating it hurts where the ${language ? "loss" : "error"} rises (+)${logits ? " and the right token’s logit falls (−)" : ""}.`;
  return { title: part ? `${name}, ${part}` : name, rows, words: told ? words : "", foot };
}

/** Return a signed change with its 95 % interval. */
function change(value, error, unit) {
  if (!Number.isFinite(value)) return UNMEASURED;
  const places = Math.max(3, Math.min(5, decimals(value)));
  return `${value < 0 ? "" : "+"}${interval(value, error, places)}${unit}`;
}

function interval(value, error, places) {
  if (!Number.isFinite(value)) return UNMEASURED;
  return number(value, places) + (Number.isFinite(error) ? ` ± ${spread(-error, error, places)}` : "");
}

/** Return the graph at this step in words, for those who do not see it. */
export function summarise(drawing, model) {
  const { index } = model.state;
  const best = drawing ? heaviest(drawing, index) : -1;
  if (best < 0) return "No graph at this step.";
  const { graph, weightPlaces, drawn } = drawing;
  const [from, to] = edgeEnds(graph, index, best).map((c) => graph.components[c].name);
  const about = graph.approximate ? `Approximation, ${agreementWords(graph.agreement, index).short}. ` : "";
  const coloured = drawing.colour ? ` ${drawing.colour.highest(index)}` : "";
  return `${about}${number(drawn.edges.length, 0)} of ${number(drawn.all, 0)} edges. Heaviest edge ${from} to ${to}, ${number(edgeValue(graph, index, best), weightPlaces)}.${coloured}`;
}

function heaviest({ graph, drawn }, index) {
  let [best, most] = [-1, -Infinity];
  for (const e of drawn.edges) {
    const weight = edgeValue(graph, index, e);
    if (weight > most) [best, most] = [e, weight];
  }
  return best;
}
