/**
 * Two graphs as one: components matched by name, edges by the names of their ends, and how much each
 * edge's weight is higher in B than in A. Nothing here draws.
 */

import { edgeCount, edgeEnds, edgeValue, lightestKept } from "./edges.mjs";

/**
 * Match two graphs: `components` of both, each with its places `a` and `b` in them (-1 for none);
 * `order` of depth; `pairs`, edges that both can have as `{from, to, ia, ib}`, null for wide graphs,
 * whose edges are other ones at each checkpoint.
 */
export function matchGraphs(a, b) {
  const inB = new Map(b.components.map(({ name }, i) => [name, i]));
  const inA = new Map(a.components.map(({ name }, i) => [name, i]));
  const components = a.components.map(({ name, kind }, i) => ({ name, kind, a: i, b: inB.get(name) ?? -1 }));
  const order = a.components.map((_, i) => a.order[i]);
  b.components.forEach(({ name, kind }, i) => {
    if (inA.has(name)) return;
    components.push({ name, kind, a: -1, b: i });
    order.push(b.order[i]);
  });
  const alone = { a: components.filter((c) => c.b < 0).map((c) => c.name), b: components.filter((c) => c.a < 0).map((c) => c.name) };
  return { components, order, alone, pairs: a.table && b.table ? matchTables(a, b, inA) : null, inA };
}

function matchTables(a, b, inA) {
  const n = a.components.length;
  const numbers = new Map();
  for (let e = 0; e < edgeCount(a, 0); e++) {
    const [from, to] = edgeEnds(a, 0, e);
    numbers.set(from * n + to, e);
  }
  const found = { from: [], to: [], ia: [], ib: [] };
  for (let e = 0; e < edgeCount(b, 0); e++) {
    const [from, to] = edgeEnds(b, 0, e).map((c) => inA.get(b.components[c].name) ?? -1);
    const ia = from < 0 || to < 0 ? undefined : numbers.get(from * n + to);
    if (ia === undefined) continue;
    for (const [name, value] of Object.entries({ from, to, ia, ib: e })) found[name].push(value);
  }
  return found;
}

/**
 * Return what differs at checkpoint `i` of A and `j` of B: for each edge `from`, `to`, the weights
 * `a` and `b`, `change` (b − a) and `half` of its 95 % interval, NaN where nothing says it; `bound`
 * is 1 where a wide graph keeps the edge on one side only, so that the change is at least that large,
 * and has no interval: nothing is kept of the other side's error.
 * `paired` are both graphs' prompts if they are the same ones, or null: errors then count as independent.
 */
export function changesAt(a, b, match, i, j, paired) {
  if (!a || !b || i < 0 || j < 0 || !isThere(a, i) || !isThere(b, j)) return null;
  return match.pairs ? fromTables(a, b, match.pairs, i, j, paired) : fromLists(a, b, match, i, j);
}

function isThere(graph, index) {
  if (graph.lists) return graph.lists.possible[index] > 0;
  for (let e = 0; e < edgeCount(graph, index); e++) if (Number.isFinite(edgeValue(graph, index, e))) return true;
  return false;
}

function fromTables(a, b, { from, to, ia, ib }, i, j, paired) {
  const n = ia.length;
  const found = { from, to, a: new Float32Array(n), b: new Float32Array(n), change: new Float32Array(n), half: new Float32Array(n), bound: null, fixed: true };
  for (let e = 0; e < n; e++) {
    found.a[e] = edgeValue(a, i, ia[e]);
    found.b[e] = edgeValue(b, j, ib[e]);
    found.change[e] = found.b[e] - found.a[e];
    found.half[e] = paired ? pairedHalf(paired, i, j, ia[e], ib[e]) : Math.hypot(edgeValue(a, i, ia[e], "error"), edgeValue(b, j, ib[e], "error"));
  }
  return found;
}

/** Half of the 95 % interval of a difference over the same prompts: what a prompt adds to both cancels. */
function pairedHalf({ a, b }, i, j, ea, eb) {
  const [, groups, edgesA] = a.apart.shape;
  const edgesB = b.apart.shape[2];
  let squares = 0;
  for (let g = 0; g < groups; g++) {
    squares += (b.apart[(j * groups + g) * edgesB + eb] - a.apart[(i * groups + g) * edgesA + ea]) ** 2;
  }
  return a.quantile * Math.sqrt(squares);
}

function fromLists(a, b, { components, inA }, i, j) {
  const n = components.length;
  const found = new Map();
  const names = new Map(components.map((c, k) => [c.name, k]));
  const take = (graph, index, side) => {
    for (let e = 0; e < edgeCount(graph, index); e++) {
      const [from, to] = edgeEnds(graph, index, e).map((c) => names.get(graph.components[c].name));
      if ([from, to].some((c) => components[c].a < 0 || components[c].b < 0)) continue;
      const key = from * n + to;
      const entry = found.get(key) ?? { from, to };
      entry[side] = edgeValue(graph, index, e);
      entry[`${side}Error`] = edgeValue(graph, index, e, "error");
      found.set(key, entry);
    }
  };
  take(a, i, "a");
  take(b, j, "b");
  return listed([...found.values()], [lightestKept(a, i), lightestKept(b, j)], inA);
}

/** An edge that is kept on one side only weighs at most the lightest that is kept on the other. */
function listed(entries, [leastA, leastB]) {
  const kept = entries.filter(({ a, b }) => (a === undefined ? b > leastA : b === undefined ? a > leastB : true));
  const n = kept.length;
  const found = { from: kept.map((e) => e.from), to: kept.map((e) => e.to), a: new Float32Array(n), b: new Float32Array(n), change: new Float32Array(n), half: new Float32Array(n), bound: new Uint8Array(n), fixed: false };
  kept.forEach((entry, e) => {
    const [a, b] = [entry.a ?? leastA, entry.b ?? leastB];
    const one = entry.a === undefined ? leastA > 0 : entry.b === undefined && leastB > 0;
    found.bound[e] = one ? 1 : 0;
    [found.a[e], found.b[e], found.change[e]] = [entry.a ?? (one ? NaN : 0), entry.b ?? (one ? NaN : 0), b - a];
    found.half[e] = one ? NaN : Math.hypot(entry.aError ?? 0, entry.bError ?? 0);
  });
  return found;
}

/** Return what the interval of a change says: 1 higher in B, -1 lower, 0 cannot tell, NaN without an interval. */
export function verdictOn(change, half) {
  if (!Number.isFinite(change) || !Number.isFinite(half)) return NaN;
  return Math.abs(change) > half ? Math.sign(change) : 0;
}

/**
 * Return which edges of a difference are drawn: those that change by at least `least`, at most
 * `most` of them (null: all), only those that have an interval, which leaves out 0, if `sure`. `kept` and `total`
 * are sums of changes without sign; `higher`, `lower`, `unsure`, `unknown` count all edges.
 */
export function drawnChanges({ change, half }, least, most, sure) {
  const found = { edges: [], all: 0, total: 0, kept: 0, higher: 0, lower: 0, unsure: 0, unknown: 0 };
  for (let e = 0; e < change.length; e++) {
    const size = Math.abs(change[e]);
    if (!Number.isFinite(size)) continue;
    const verdict = verdictOn(change[e], half[e]);
    found.all++;
    found.total += size;
    found[verdict > 0 ? "higher" : verdict < 0 ? "lower" : verdict === 0 ? "unsure" : "unknown"]++;
    if (size > 0 && size >= least && (!sure || Math.abs(verdict) === 1)) found.edges.push(e);
  }
  found.edges.sort((x, y) => Math.abs(change[y]) - Math.abs(change[x]));
  if (most !== null) found.edges.length = Math.min(most, found.edges.length);
  for (const e of found.edges) found.kept += Math.abs(change[e]);
  return found;
}
