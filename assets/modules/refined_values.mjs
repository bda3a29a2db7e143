/** The two quantities of the scatter: refined LLCs and effects of ablation of the same components. */

import { curvesOf } from "./refined_model.mjs";
import { isUsable } from "./refined_curves.mjs";
import { placeOf } from "./payload.mjs";

/** Return the parts that are components of the chosen graph: {curve, place}. */
export function sharedParts(model) {
  const graph = model.payload.graphs[model.state.graph];
  return curvesOf(model).map((curve) => ({ curve, place: placeOf(graph, curve.component) })).filter(({ place }) => place >= 0);
}

/** Return the effects that can be compared with: {id, label, unit, at(index, place)}, which gives [value, low, high]. */
export function effectsOf(model) {
  const graph = model.payload.graphs[model.state.graph];
  if (!graph || !sharedParts(model).length) return [];
  const n = graph.components.length;
  const language = model.payload.run.family === "language";
  const loss = {
    id: "loss_change", label: language ? "loss when ablated" : "squared error when ablated", unit: language ? "nats, + hurts" : "change, + hurts",
    at(index, place) {
      const [value, half] = [graph.lossChange[index * n + place], graph.lossError[index * n + place]];
      return [value, value - half, value + half];
    },
  };
  const strength = graph.metrics.find((m) => m.id === "out_strength");
  const out = strength && {
    id: "out_strength", label: strength.name, unit: strength.unit,
    at: (index, place) => [strength.values, strength.low, strength.high].map((table) => table[index * n + place]),
  };
  return out ? [loss, out] : [loss];
}

/** Return the chosen effect. */
export function effectOf(model) {
  const every = effectsOf(model);
  return every.find((effect) => effect.id === model.state.effect) ?? every[0];
}

/** Return both values of a part at a checkpoint, each [value, low, high], or null where one is missing. */
export function pairAt({ curve, place }, effect, index) {
  if (!isUsable(curve, index)) return null;
  const other = effect.at(index, place);
  return Number.isFinite(other[0]) ? [[curve.values[index], curve.low[index], curve.high[index]], other] : null;
}
