/**
 * What is known of each component at each checkpoint and can colour it: its layer, what its ablation
 * does to the loss, its refined LLC, the scores of its head, and the metrics of the graph.
 */

import { decimals, largest, number, spread } from "./format.mjs";
import { headOf, parse } from "./places.mjs";
import { familiesOf } from "./payload.mjs";
import { isRefinement, isUsable, refinementOptions, refinements, usableValues } from "./refined_curves.mjs";
import { isDoubted } from "./verdicts.mjs";

export const ROLE = "role";
export const LAYER = "layer";
const LOSS = "loss_change";
const LOSS_NAME = "change of the loss when ablated";

/** Return the curves of each score of heads, by the score's id. */
function scores(payload) {
  return Object.fromEntries(Object.entries(familiesOf(payload)).filter(([id]) => !isRefinement(id)));
}

/** Return the menu of colours: [value, label], or groups of them. */
export function colourOptions(payload, graph) {
  const refined = refinementOptions(payload).map(([setting, label]) => [setting, `refined LLC, ${label}`]);
  const heads = Object.keys(scores(payload)).map((id) => [id, payload.curves.find((c) => c.id === id)?.name ?? id]);
  const metrics = (graph?.metrics ?? []).map((m) => [m.id, m.name]);
  const effects = graph ? [[LOSS, LOSS_NAME]] : [];
  const groups = [["ablation", effects], ["degeneracy", refined], ["scores of heads", heads], ["metrics of the graph", metrics]];
  return [[ROLE, "kind"], [LAYER, "layer"], ...groups.filter(([, options]) => options.length).map(([label, options]) => ({ label, options }))];
}

/** Return every value that `colourOptions` offers. */
export function colourIds(payload, graph) {
  return colourOptions(payload, graph).flatMap((o) => (Array.isArray(o) ? [o[0]] : o.options.map(([id]) => id)));
}

/**
 * Return what `id` says of a graph's components, or null where that is their kind: `name`, `unit`,
 * `all` values of the run, `value(i, index)`, NaN where it is no value to believe, `isMember(i)`,
 * `isDoubted(i, index)` and `textOf(i, index)`; `fixed` ones do not depend on the checkpoint, and
 * `signed` ones have a middle; of `told` ones the tooltip has the value anyway.
 */
export function sourceOf(payload, graph, id) {
  if (!graph || id === ROLE) return null;
  if (id === LAYER) return ofLayer(graph);
  if (id === LOSS) return ofLoss(graph);
  if (refinements(payload)[id]) return ofCurves(graph, refinements(payload)[id], { name: "refined LLC", unit: "refined λ̂", exact: true });
  const base = payload.curves.find((c) => c.id === id);
  if (scores(payload)[id]) return ofCurves(graph, scores(payload)[id], { name: base?.name ?? id, unit: `${base?.name ?? id} score of the head`, exact: false });
  const metric = graph.metrics.find((m) => m.id === id);
  return metric ? ofMetric(graph, metric) : null;
}

function ofLayer(graph) {
  const layers = graph.components.map(({ name }) => parse(name).layer);
  const value = (i) => (layers[i] >= 0 ? layers[i] : NaN);
  return {
    name: "layer", unit: "layer", all: layers.filter((l) => l >= 0), value,
    isMember: (i) => layers[i] >= 0, isDoubted: () => false, textOf: () => "", fixed: true,
  };
}

function ofLoss(graph) {
  const n = graph.components.length;
  const places = decimals(largest(graph.lossChange));
  const value = (i, index) => graph.lossChange[index * n + i];
  return {
    name: LOSS_NAME, unit: `${LOSS_NAME}: + hurts`, all: graph.lossChange, value, signed: true, told: true,
    isMember: (i) => graph.components[i].name !== "LOGITS", isDoubted: () => false,
    textOf: (i, index) => (Number.isFinite(value(i, index)) ? number(value(i, index), places) : "not measured"),
  };
}

function ofCurves(graph, curves, { name, unit, exact }) {
  const byName = new Map(curves.map((curve) => [curve.component ?? curve.id.split("@")[1], curve]));
  const own = graph.components.map((c) => byName.get(c.name) ?? (exact ? undefined : byName.get(headOf(c.name))));
  const all = usableValues(curves);
  const places = decimals(all.reduce((most, v) => Math.max(most, Math.abs(v)), 0));
  function textOf(i, index) {
    const curve = own[i];
    if (!curve) return "";
    const verdict = curve.verdicts[index];
    if (!Number.isFinite(curve.values[index])) return verdict || "not measured";
    const error = spread(curve.low[index], curve.high[index], places);
    const told = number(curve.values[index], places) + (error ? ` ± ${error}` : "");
    return isDoubted(curve, index) ? `${told}, ${verdict}` : told;
  }
  return {
    name, unit, all, textOf,
    value: (i, index) => (own[i] && isUsable(own[i], index) ? own[i].values[index] : NaN),
    isMember: (i) => own[i] !== undefined,
    isDoubted: (i, index) => isDoubted(own[i], index),
  };
}

function ofMetric(graph, metric) {
  const n = graph.components.length;
  const value = (i, index) => metric.values[index * n + i];
  const places = () => (metric.places ??= metric.id.endsWith("_z") ? 1 : decimals(largest(metric.values)));
  return {
    name: metric.name, unit: `${metric.name}, ${metric.unit}`, all: metric.values, value, isMember: () => true, isDoubted: () => false, signed: metric.id.endsWith("_z"),
    textOf: (i, index) => (Number.isFinite(value(i, index)) ? number(value(i, index), places()) : "not measured"),
  };
}
