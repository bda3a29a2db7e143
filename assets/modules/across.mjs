/** The Across runs page: two runs on one time axis, or the runs of a recipe as a band. */

import { byId, element, setText } from "./elements.mjs";
import { createModel, keepAddress, loadRuns, readOwn } from "./across_model.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { createChoice } from "./across_choice.mjs";
import { createDock } from "./dock.mjs";
import { createLanes } from "./across_lanes.mjs";
import { createPlayback } from "./playback.mjs";
import { createTurns } from "./across_turns.mjs";
import { createValues, summary } from "./across_values.mjs";
import { fillHead } from "./head.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";

const PANELS = [createChoice, createLanes, createValues, createTurns];
const EVERYTHING = ["payload", "graph", "axis", "zoom", "lanes", "scheme", "other", "by", "across", "trouble", "turns", "turnsOf"];

/** Fill the page under `root` until `signal` aborts. */
export async function mountAcross(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const facts = JSON.parse(document.querySelector("[data-facts]").dataset.facts);
  const model = createModel(opened, facts, readOwn(location.search, opened, facts), signal);
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
    if (changed.has("index")) model.speak(summary(model));
  };
  store.subscribe(update);
  const write = keepAddress(model, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, across runs · Ontogeny`;
  update(model.state, new Set(EVERYTHING));
  loadRuns(model, signal);
  model.listen();
}
