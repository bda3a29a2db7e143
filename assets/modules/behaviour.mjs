/** The Behaviour page: what the model does and how, in panels that all move with the one slider. */

import { byId, element, setText } from "./elements.mjs";
import { createModel, loadDetails } from "./behaviour_model.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { createChoice } from "./behaviour_choice.mjs";
import { createComposition } from "./behaviour_matrix.mjs";
import { createDock, placeDock } from "./dock.mjs";
import { createMultiples } from "./behaviour_multiples.mjs";
import { createNorms } from "./behaviour_norms.mjs";
import { createPlayback } from "./playback.mjs";
import { createScores } from "./behaviour_scores.mjs";
import { createSpectra } from "./behaviour_spectra.mjs";
import { createTokens } from "./behaviour_tokens.mjs";
import { fillHead } from "./head.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { summary } from "./behaviour_summary.mjs";

const PANELS = [createChoice, createMultiples, createScores, createTokens, createComposition, createSpectra, createNorms];
const OWN = { obstacle: "", score: "previous", composes: "k", details: null, detailsTrouble: "" };
const EVERYTHING = ["payload", "graph", "axis", "zoom", "component", "scheme", ...Object.keys(OWN)];

/** Fill the page under `root` until `signal` aborts. */
export async function mountBehaviour(root, signal) {
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
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, stepAt(model, model.state.index));
    if (changed.has("index") || changed.has("component")) model.speak(`${stepAt(model, model.state.index)}. ${summary(model)}`);
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, behaviour · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  placeDock(model, signal);
  loadDetails(model, signal);
  model.listen();
}
