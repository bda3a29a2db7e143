/** Reading the graph: what lies under the pointer, in numbers, and the whole at this step, in words. */

import { decimals, largest, number, spread, step as formatStep } from "./format.mjs";
import { distance2 } from "./places.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";

/** Tell what is under the pointer; a click beside everything clears the selection. */
export function followPointer(parts, current, model, signal) {
  const move = (event) => {
    const drawn = current();
    if (!drawn) return;
    const box = parts.canvas.getBoundingClientRect();
    const hit = pick(drawn, event.clientX - box.left, event.clientY - box.top, model.state);
    const lines = hit && describe(drawn, hit, model);
    if (lines) showTooltip(event.clientX, event.clientY, lines);
    else hideTooltip();
  };
  parts.picture.addEventListener("pointermove", move, { signal });
  parts.picture.addEventListener("pointerleave", hideTooltip, { signal });
  parts.picture.addEventListener("click", (event) => {
    if (!event.target.closest(".node") && model.state.component) model.toggle(model.state.component);
  }, { signal });
}

/** Return the component or the drawn edge under a point. */
function pick(drawn, x, y, state) {
  const node = drawn.places.findIndex((p, i) => Math.hypot(p.x - x, p.y - y) < Math.max(10, drawn.nodes[i].radius + 2));
  if (node >= 0) return { node };
  const chosen = drawn.graph.components.findIndex((c) => c.name === state.component);
  let [best, edge] = [36, -1];
  drawn.edges.forEach((item, e) => {
    if (!item.shown || (chosen >= 0 && item.from !== chosen && item.to !== chosen)) return;
    const d = distance2(drawn.places[item.from], item.path, drawn.places[item.to], x, y);
    if (d < best) [best, edge] = [d, e];
  });
  return edge >= 0 ? { edge } : null;
}

function describe(drawn, { node, edge }, model) {
  const { graph, weightPlaces } = drawn;
  const { index } = model.state;
  const at = `step ${formatStep(model.payload.steps[index])}`;
  if (edge !== undefined) {
    const { from, to } = drawn.edges[edge];
    const weight = graph.weight[index * drawn.edges.length + edge];
    const error = graph.error[index * drawn.edges.length + edge];
    const text = number(weight, weightPlaces) + (Number.isFinite(error) ? ` ± ${spread(-error, error, weightPlaces)}` : "");
    return { title: `${graph.components[from].name} → ${graph.components[to].name}`, rows: [["weight, 1 − cosine", text]], foot: at };
  }
  const n = graph.components.length;
  const rows = graph.metrics.map((m) => [m.name, number(m.values[index * n + node], decimals(m.top ??= largest(m.values)))]);
  const cost = graph.lossChange[index * n + node];
  if (Number.isFinite(cost)) rows.push(["loss when ablated", `${cost < 0 ? "" : "+"}${number(cost, 3)}`]);
  return { title: graph.components[node].name, rows, foot: at };
}

/** Return the graph at this step in words, for those who do not see it. */
export function summarise(drawn, model) {
  const best = drawn ? heaviest(drawn, model.state.index) : -1;
  if (best < 0) return "No graph at this step.";
  const { graph, edges, weightPlaces } = drawn;
  const [from, to] = [edges[best].from, edges[best].to].map((c) => graph.components[c].name);
  const weight = number(graph.weight[model.state.index * edges.length + best], weightPlaces);
  return `Heaviest edge ${from} to ${to}, ${weight}.`;
}

function heaviest({ graph, edges }, index) {
  let [best, most] = [-1, -Infinity];
  edges.forEach((_, e) => {
    const weight = graph.weight[index * edges.length + e];
    if (weight > most) [best, most] = [e, weight];
  });
  return best;
}
