/** The Network page: network science over training, in panels that all move with the one slider. */

import { COMPACT, createChoice } from "./network_choice.mjs";
import { byId, element, setText } from "./elements.mjs";
import { createModel, loadStructure } from "./network_model.mjs";
import { keepAddress } from "./address.mjs";
import { createCommunities } from "./network_communities.mjs";
import { createDistribution } from "./network_weights.mjs";
import { createDock } from "./dock.mjs";
import { createHeat } from "./network_heat.mjs";
import { createMatrix } from "./network_matrix.mjs";
import { createPhases } from "./network_phases.mjs";
import { createPlayback } from "./playback.mjs";
import { createSpace } from "./network_space.mjs";
import { createStability } from "./network_stability.mjs";
import { createTable } from "./network_table.mjs";
import { fillHead } from "./head.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { debounce, openRun } from "./page_model.mjs";

const PANELS = [createChoice, createPhases, createMatrix, createStability, createSpace, createDistribution, createHeat, createCommunities, createTable];
const EVERYTHING = ["payload", "graph", "metric", "axis", "zoom", "component", "structure", "scheme", "compact"];

/** Fill the page under `root` until `signal` aborts. */
export async function mountNetwork(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createModel(opened, { compact: COMPACT.matches, structure: null, trouble: "" }, signal);
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
    for (const panel of panels) panel.update(model, changed);
    const text = stepAt(model, model.state.index);
    for (const mark of marks) setText(mark, text);
    if (changed.has("index")) model.speak(`${text}.`);
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  COMPACT.addEventListener("change", () => model.set({ compact: COMPACT.matches }), { signal });
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, network · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  loadStructure(model, signal);
  model.listen();
}
