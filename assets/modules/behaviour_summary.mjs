/** What the model does at the step, in a line. */

import { findCurve } from "./payload.mjs";
import { headOf } from "./places.mjs";
import { textAt } from "./component_values.mjs";

const TOLD = {
  language: [["loss", "loss"], ["icl", "in-context learning"], ["bigram", "bigram score"], ["previous", "previous token"], ["induction", "induction"]],
  regression: [["loss", "loss"], ["ridge", "distance to ridge"], ["prior", "task-prior score"], ["icl_early", "gain to pair 4"], ["icl_late", "gain to pair 8"]],
};
const OF_HEAD = [["previous", "previous token"], ["induction", "prefix matching"], ["entropy", "entropy"], ["variability", "variability"]];

/** Return the main behaviours with their values at the step, then those of the selected head. */
export function summary({ payload, state }) {
  const told = (entries, suffix) => entries.flatMap(([id, name]) => {
    const curve = findCurve(payload, state.graph, id + suffix);
    const { value, error } = curve ? textAt(curve, state.index) : { value: "" };
    return value ? [[name, value, error].filter(Boolean).join(" ")] : [];
  });
  const run = told(TOLD[payload.run.family] ?? [], "").join(" · ") || "not measured";
  const head = state.component ? told(OF_HEAD, `@${headOf(state.component)}`) : [];
  return head.length ? `${run}. ${headOf(state.component)}: ${head.join(" · ")}` : run;
}
