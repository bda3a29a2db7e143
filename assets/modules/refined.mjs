/** The Refined LLC page: every part's curve, which are alike, and how they go with ablation. */

import { byId, element, setClass, setText } from "./elements.mjs";
import { clustersOf, createModel, curvesOf, loadClusters, loadEffects } from "./refined_model.mjs";
import { createChoice } from "./refined_choice.mjs";
import { createDock, placeDock } from "./dock.mjs";
import { createEffects } from "./refined_effects.mjs";
import { createMultiples } from "./refined_multiples.mjs";
import { createPlayback } from "./playback.mjs";
import { createShapes } from "./refined_shapes.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { fillHead } from "./head.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { textAt } from "./component_values.mjs";

const PANELS = [createChoice, createMultiples, createShapes, createEffects];
const OWN = { obstacle: "", arrange: "model", scale: "common", effect: "loss_change", clusters: null, clustersTrouble: "", effects: null, effectsTrouble: "" };
const EVERYTHING = ["payload", "refined", "graph", "axis", "zoom", "component", "scheme", "clusters", "effects", ...Object.keys(OWN)];

/** Fill the page under `root` until `signal` aborts. */
export async function mountRefined(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createModel(opened, { ...OWN }, signal);
  assemble(model, model.store, signal);
  if (opened.notes.length) note(opened.notes.join(" "));
}

function assemble(model, store, signal) {
  const playback = createPlayback(model, signal);
  const spoken = element("p", { class: "spoken", role: "status", "aria-live": "polite" });
  byId("main").append(spoken);
  model.speak = debounce((text) => setText(spoken, text), 400, signal);
  const panels = [createDock(model, playback, signal), ...PANELS.map((create) => create(model, signal))];
  const marks = byId("main").querySelectorAll("[data-step]");
  const update = (_, changed) => {
    setClass(byId("main"), "unrefined", !curvesOf(model).length);
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, stepAt(model, model.state.index));
    if (changed.has("index") || changed.has("component")) model.speak(summary(model));
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, refined LLC · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  placeDock(model, signal);
  loadClusters(model, signal);
  loadEffects(model, signal);
  model.listen();
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
