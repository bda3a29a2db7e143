/** The Refined LLC page: every part's curve, which are alike, and how they go with ablation. */

import { byId, setClass } from "./elements.mjs";
import { clustersOf, createModel, curvesOf, loadClusters, loadEffects } from "./refined_model.mjs";
import { createChoice } from "./refined_choice.mjs";
import { createEffects } from "./refined_effects.mjs";
import { createMultiples } from "./refined_multiples.mjs";
import { createShapes } from "./refined_shapes.mjs";
import { mountPage } from "./page.mjs";
import { placeDock } from "./dock.mjs";
import { stepAt } from "./network_panel.mjs";
import { textAt } from "./component_values.mjs";

const OWN = { obstacle: "", arrange: "model", scale: "common", effect: "loss_change", clusters: null, clustersTrouble: "", effects: null, effectsTrouble: "" };
const PAGE = {
  title: "refined LLC",
  open: (opened, signal) => createModel(opened, { ...OWN }, signal),
  panels: [createChoice, createMultiples, createShapes, createEffects],
  everything: ["payload", "refined", "graph", "axis", "zoom", "component", "scheme", ...Object.keys(OWN)],
  before: (model) => setClass(byId("main"), "unrefined", !curvesOf(model).length),
  say: (model, changed) => (changed.has("index") || changed.has("component") ? summary(model) : ""),
  load(model, signal) {
    placeDock(model, signal);
    loadClusters(model, signal);
    loadEffects(model, signal);
  },
};

/** Fill the page under `root` until `signal` aborts. */
export function mountRefined(root, signal) {
  return mountPage(root, signal, PAGE);
}

/** Return the step, and what the selected part has there, in words. */
function summary(model) {
  const { component, index } = model.state;
  const curve = curvesOf(model).find((c) => c.component === component);
  if (!curve) return `${stepAt(model, index)}.`;
  const { value, error } = textAt(curve, index);
  const kind = clustersOf(model)?.k > 1 ? `, kind ${kindOf(clustersOf(model), component)}` : "";
  return `${stepAt(model, index)}. ${component}${kind}: ${value ? `${value} ${error}, ${curve.verdicts[index]}` : "not measured"}.`;
}

function kindOf(clusters, part) {
  const label = clusters.labels[clusters.parts.indexOf(part)];
  return label >= 0 ? "ABCDEF"[label] : "none";
}
