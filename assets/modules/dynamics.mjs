/** The Dynamics page: the way of the model's outputs, in panels that all move with the one slider. */

import { byId, element, setText } from "./elements.mjs";
import { createModel, keepAddress, loadWays, readOwn } from "./dynamics_model.mjs";
import { createComponents, createDistances } from "./dynamics_curves.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { createChoice } from "./dynamics_choice.mjs";
import { createDock } from "./dock.mjs";
import { createPlane } from "./dynamics_plane.mjs";
import { createPlayback } from "./playback.mjs";
import { createPoints } from "./dynamics_points.mjs";
import { createTurn } from "./dynamics_turn.mjs";
import { fillHead } from "./head.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { summary } from "./dynamics_words.mjs";

const PANELS = [createChoice, createPlane, createTurn, createComponents, createDistances, createPoints];
const EVERYTHING = ["payload", "axis", "zoom", "scheme", "beside", "pcs", "facts", "ways", "trouble", "obstacle", "job", "stages"];

/** Fill the page under `root` until `signal` aborts. */
export async function mountDynamics(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createModel(opened, readOwn(location.search), signal);
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
    if (changed.has("index")) model.speak(`${stepAt(model, model.state.index)}. ${summary(model)}`);
  };
  store.subscribe(update);
  const write = keepAddress(model, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, dynamics · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  loadWays(model, signal);
  model.listen();
}
