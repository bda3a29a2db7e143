/**
 * The edges of a graph at a checkpoint, however the payload holds them.
 *
 * A small graph has a `table` of every edge at every checkpoint, a wide one `lists` of the heaviest
 * edges of each checkpoint. An edge has a number: in the table, or in the checkpoint's list.
 */

/** Return how many edges have a number at a checkpoint. */
export function edgeCount(graph, index) {
  if (graph.table) return graph.table.ends.length / 2;
  return graph.lists.offsets[index + 1] - graph.lists.offsets[index];
}

/** Return the components that an edge leaves and reaches. */
export function edgeEnds(graph, index, e) {
  if (graph.table) return [graph.table.ends[2 * e], graph.table.ends[2 * e + 1]];
  const at = graph.lists.offsets[index] + e;
  return [graph.lists.source[at], graph.lists.target[at]];
}

/** Return a value of an edge at a checkpoint: `weight`, `error`, `norm` or `normError`. */
export function edgeValue(graph, index, e, name = "weight") {
  return (graph.table ?? graph.lists)[name][start(graph, index) + e];
}

/**
 * Return which edges are drawn at a checkpoint, and what that leaves out.
 *
 * `edges`: the numbers of those at least `threshold` heavy, at most `top` of them (null: all), and
 * between components that are `shown`, if given.
 * `all`, `total`: how many the whole graph has, and their weight; `kept`: the weight of those drawn.
 * `measured`: whether there is a graph at all.
 */
export function drawnEdges(graph, index, threshold, top, shown = null) {
  return graph.table ? fromTable(graph, index, threshold, top, shown) : fromLists(graph, index, threshold, top, shown);
}

/** Return the weight of the lightest edge that the payload holds at a checkpoint; 0 if it holds all. */
export function lightestKept({ lists }, index) {
  if (!lists) return 0;
  const [from, to] = [lists.offsets[index], lists.offsets[index + 1]];
  return to - from < lists.positive[index] ? lists.weight[to - 1] : 0;
}

function start(graph, index) {
  return graph.table ? (index * graph.table.ends.length) / 2 : graph.lists.offsets[index];
}

function fromTable(graph, index, threshold, top, shown) {
  const { ends } = graph.table;
  const from = start(graph, index);
  const weights = graph.table.weight.subarray(from, from + edgeCount(graph, index));
  let edges = [];
  let [all, total, kept] = [0, 0, 0];
  weights.forEach((weight, e) => {
    if (!Number.isFinite(weight)) return;
    all++;
    total += Math.max(0, weight);
    if (weight > 0 && weight >= threshold && !(shown && !(shown[ends[2 * e]] && shown[ends[2 * e + 1]]))) edges.push(e);
  });
  if (top !== null && edges.length > top) edges = heaviestOf(edges, weights, top);
  for (const e of edges) kept += weights[e];
  return { edges, all, total, kept, measured: all > 0 };
}

/** Return the heaviest `top` of some edges, in their order. */
function heaviestOf(edges, weights, top) {
  const sorted = Float32Array.from(edges, (e) => weights[e]).sort();
  const least = sorted[sorted.length - top];
  let ties = top - edges.filter((e) => weights[e] > least).length;
  return edges.filter((e) => weights[e] > least || (weights[e] === least && ties-- > 0));
}

/** The list is sorted: what is drawn is its beginning, or those of the beginning that are shown. */
function fromLists(graph, index, threshold, top, shown) {
  const { offsets, source, target, weight, possible, total } = graph.lists;
  const [from, end] = [offsets[index], offsets[index + 1]];
  const most = top ?? Infinity;
  const edges = [];
  let kept = 0;
  for (let at = from; at < end && edges.length < most && weight[at] >= threshold; at++) {
    if (shown && !(shown[source[at]] && shown[target[at]])) continue;
    kept += weight[at];
    edges.push(at - from);
  }
  return { edges, all: possible[index], total: total[index], kept, measured: possible[index] > 0 };
}
