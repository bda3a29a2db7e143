/** One component's numbers: its curves over the run, its edges, and how both are written. */

import { decimals, largest, number, spread } from "./format.mjs";
import { edgeCount, edgeEnds, edgeValue } from "./edges.mjs";
import { headOf, parse } from "./places.mjs";
import { PART_NAMES } from "./marks.mjs";
import { findCurve, placeOf } from "./payload.mjs";
import { refinements } from "./refined_curves.mjs";
import { rankAll, rankEnds } from "./ranking.mjs";

const SCORES = [["previous", "previous token"], ["induction", "prefix matching"]];

/** Return what a component is, in words. */
export function describe(name) {
  if (name === "EMB") return "token embedding";
  if (name === "LOGITS") return "logits";
  const { layer, head, part } = parse(name);
  if (part === "MLP") return `MLP of layer ${layer}`;
  if (part === "POST") return `MLP neurons of layer ${layer}`;
  const whose = head < 0 ? `all heads of layer ${layer}` : `head ${head} of layer ${layer}`;
  return part ? `${PART_NAMES[part]}, ${whose}` : whose;
}

/**
 * Return everything that is measured of the chosen component over the run, each with `values`,
 * `low` and `high` for every checkpoint, NaN where there is none; `kind` is the measurement's.
 */
export function curvesOfComponent({ payload, state }) {
  const graph = payload.graphs[state.graph];
  const c = placeOf(graph, state.component);
  if (c < 0) return [];
  const n = graph.components.length;
  const pick = (table) => Float32Array.from(payload.steps, (_, i) => table[i * n + c]);
  const metrics = graph.metrics.map((m) => ({
    id: m.id, name: m.name, unit: m.unit ?? "", group: "graph", kind: "network", settings: graph.nodeSettings,
    values: pick(m.values), low: pick(m.low), high: pick(m.high),
  }));
  return [...effects(payload, state, graph, pick), ...scores(payload, state), ...refined(payload, state), ...metrics];
}

function effects(payload, { component }, graph, pick) {
  if (component === "LOGITS") return [];
  const language = payload.run.family === "language";
  const curve = (id, name, unit, values, error) => {
    const [middle, half] = [pick(values), pick(error)];
    return {
      id, name, unit, group: "loss", kind: "graph", settings: graph.settings, signed: true, values: middle,
      low: middle.map((v, i) => v - half[i]), high: middle.map((v, i) => v + half[i]),
    };
  };
  const loss = language
    ? curve("loss_change", "loss when ablated", "nats, + hurts", graph.lossChange, graph.lossError)
    : curve("loss_change", "squared error when ablated", "change, + hurts", graph.lossChange, graph.lossError);
  return language ? [loss, curve("logit_change", "right token’s logit", "change when ablated, − hurts", graph.logitChange, graph.logitError)] : [loss];
}

function scores(payload, state) {
  const head = headOf(state.component);
  return SCORES.flatMap(([id, name]) => {
    const curve = findCurve(payload, state.graph, `${id}@${head}`);
    return curve ? [{ ...curve, id, name, unit: "mean attention, 0 to 1", kind: "behaviour", floor: 0 }] : [];
  });
}

function refined(payload, { component }) {
  return Object.values(refinements(payload)).flat().filter((curve) => curve.component === component).map((curve) => ({
    ...curve, name: "refined LLC", unit: `λ̂, ${curve.settings.split(" · ")[0]}`, kind: "refined",
  }));
}

/** Return the ends of a curve's axis, the same at every checkpoint: bands included, 0 where it is near. */
export function rangeOf({ values, low, high, signed, floor }) {
  let [least, most] = [Infinity, -Infinity];
  for (const table of [values, low, high]) {
    for (const value of table) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (least > most) return null;
  if (signed || (least > 0 && least < 0.6 * most)) [least, most] = [Math.min(0, least), Math.max(0, most)];
  if (floor !== undefined) least = Math.min(floor, least);
  return most > least ? [least, most] : [least - 0.5, most + 0.5];
}

/** Return how many decimals serve a curve. */
export function placesOf(curve) {
  return (curve.places ??= decimals(Math.max(largest(curve.values), largest(curve.high))));
}

/** Return a curve's value and the half width of its interval at a checkpoint, as text; "" for none. */
export function textAt(curve, index) {
  const value = curve.values[index];
  if (!Number.isFinite(value)) return { value: "", error: "" };
  const places = placesOf(curve);
  const sign = curve.signed && value > 0 ? "+" : "";
  const error = spread(curve.low[index], curve.high[index], places);
  return { value: sign + number(value, places), error: error && `± ${error}` };
}

/** Return a component's rank by a metric at a checkpoint with its interval, as text; "" for none. */
export function rankText(graph, id, c, { index, steps }) {
  const metric = graph.metrics.find((m) => m.id === id);
  const n = graph.components.length;
  const at = index * n + c;
  const place = metric ? rankAll(metric, n, steps).rank[at] : 0;
  if (!place) return "";
  const ends = rankEnds(metric, at);
  return `rank ${number(place, 0)} of ${number(n, 0)}${ends ? ` (${ends.join(" to ")})` : ""}`;
}

/**
 * Return the edges that reach and that leave a component at a checkpoint, heaviest first: each has
 * the other end's place `other`, `weight`, `error`, `norm`, `normError`.
 */
export function edgesOf(graph, index, c) {
  const [into, out] = [[], []];
  for (let e = 0; e < edgeCount(graph, index); e++) {
    const [from, to] = edgeEnds(graph, index, e);
    if (from !== c && to !== c) continue;
    const edge = { other: from === c ? to : from };
    for (const name of ["weight", "error", "norm", "normError"]) edge[name] = edgeValue(graph, index, e, name);
    if (Number.isFinite(edge.weight)) (from === c ? out : into).push(edge);
  }
  const heaviest = (a, b) => b.weight - a.weight || a.other - b.other;
  return { into: into.sort(heaviest), out: out.sort(heaviest) };
}

/** Return the heaviest weight, its interval included, of a component's edges over the whole run; 0 for none. */
export function heaviestOf(graph, steps, c) {
  let most = 0;
  for (let index = 0; index < steps; index++) {
    for (const edges of Object.values(edgesOf(graph, index, c))) {
      for (const { weight, error } of edges) most = Math.max(most, weight + (Number.isFinite(error) ? error : 0));
    }
  }
  return most;
}
