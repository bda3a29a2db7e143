/** What lies under the pointer in one of the three pictures, in numbers of both sides. */

import { distance2, edgePath } from "./places.mjs";
import { edgeEnds, edgeValue } from "./edges.mjs";
import { decimals, number, spread } from "./format.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";
import { intervalText, signed, sideText, verdictText } from "./compare_text.mjs";
import { metricOf } from "./compare_values.mjs";
import { placeOf } from "./payload.mjs";

const NEAR = 6;

/** Let the pointer tell of what is under it; a click on a component selects it, one beside everything clears. */
export function pointAt(view, model, signal) {
  const under = (event) => {
    const box = view.canvas.getBoundingClientRect();
    return view.picture.drawing && view.drawn && nearest(view, event.clientX - box.left, event.clientY - box.top, model);
  };
  view.canvas.addEventListener("pointermove", (event) => {
    const hit = under(event);
    if (hit) showTooltip(event.clientX, event.clientY, hit.node === undefined ? tellEdge(view, hit.edge, model) : tellNode(view, hit.node, model));
    else hideTooltip();
  }, { signal });
  view.canvas.addEventListener("pointerleave", hideTooltip, { signal });
  view.canvas.addEventListener("click", (event) => {
    if (event.target.closest("[role=button]")) return;
    const hit = under(event);
    if (hit?.node !== undefined) model.toggle(view.picture.drawing.graph.components[hit.node].name);
    else if (model.state.component) model.toggle(model.state.component);
  }, { signal });
}

function nearest({ picture, drawn, index = 0 }, x, y, model) {
  const { graph, layout, nodes } = picture.drawing;
  const node = layout.places.findIndex((p, i) => Math.hypot(p.x - x, p.y - y) <= Math.max(nodes.radius(i) + 2, 8));
  if (node >= 0) return { node };
  const chosen = placeOf(graph, model.state.component);
  let [best, edge] = [NEAR ** 2, -1];
  for (const e of drawn.edges) {
    const [from, to] = edgeEnds(graph, index, e);
    if (chosen >= 0 && from !== chosen && to !== chosen) continue;
    const [a, b] = [layout.places[from], layout.places[to]];
    const d = distance2(a, edgePath(a, b, layout), b, x, y);
    if (d < best) [best, edge] = [d, e];
  }
  return edge >= 0 ? { edge } : null;
}

function tellEdge({ side, picture, index = 0 }, edge, model) {
  const { graph } = picture.drawing;
  const pair = model.pair();
  const places = Math.max(3, decimals(pair.heaviest));
  const [from, to] = edgeEnds(graph, side === "difference" ? 0 : index, edge).map((c) => graph.components[c].name);
  const foot = side === "difference" ? `${sideText(model, "a")} and ${sideText(model, "b")}` : sideText(model, side);
  if (side !== "difference") {
    const error = edgeValue(graph, index, edge, "error");
    const weight = number(edgeValue(graph, index, edge), places) + (Number.isFinite(error) ? ` ± ${spread(-error, error, places)}` : "");
    return { title: `${from} → ${to}`, rows: [["weight, 1 − cosine", weight]], foot };
  }
  const { a, b, change, half, bound } = pair.changes;
  const kept = (value) => (Number.isFinite(value) ? number(value, places) : "not among those kept");
  const least = bound?.[edge] ? "at least " : "";
  const interval = Number.isFinite(half[edge]) ? ` ± ${spread(-half[edge], half[edge], places)}` : "";
  const rows = [["weight at A", kept(a[edge])], ["weight at B", kept(b[edge])], ["B − A, 95 %", `${least}${signed(change[edge], places)}${interval}`]];
  return { title: `${from} → ${to}`, rows, words: verdictText(change[edge], half[edge]), foot };
}

function tellNode({ side, picture, rows }, node, model) {
  const { name } = picture.drawing.graph.components[node];
  const pair = model.pair();
  const metric = metricOf(pair.a, model.state) ?? metricOf(pair.b, model.state);
  if (side !== "difference") {
    const graph = pair[side];
    const own = metricOf(graph, model.state);
    const value = own ? own.values[(side === "a" ? pair.i : pair.j) * graph.components.length + node] : NaN;
    return { title: name, rows: own ? [[own.name, number(value, decimals(Math.abs(value)))]] : [], foot: sideText(model, side) };
  }
  const row = rows[node];
  if (!row?.change) return { title: name, rows: [], words: row?.a ? "Only A has a component of this name." : "Only B has a component of this name.", foot: metric?.name ?? "" };
  const places = decimals(Math.max(Math.abs(row.a.value), Math.abs(row.b.value)));
  return {
    title: name,
    rows: [["at A", number(row.a.value, places)], ["at B", number(row.b.value, places)], ["B − A", signed(row.change.value, places)], ["95 %", intervalText(row.change, places)]],
    words: Number.isNaN(row.change.verdict) ? "" : row.change.verdict ? "" : "The interval holds 0: cannot tell.",
    foot: metric?.name ?? "",
  };
}
