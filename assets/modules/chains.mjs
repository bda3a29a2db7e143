/** The Chains page: the draws behind one estimate of the LLC, in panels that move with the one slider. */

import { byId, element, setText } from "./elements.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { createAutocorrelation, createDistance } from "./chains_lines.mjs";
import { createChainsModel } from "./chains_model.mjs";
import { createChecks } from "./chains_checks.mjs";
import { createDock } from "./dock.mjs";
import { createDraws } from "./chains_draws.mjs";
import { createEstimate } from "./chains_estimate.mjs";
import { createPlayback } from "./playback.mjs";
import { fillHead } from "./head.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";

const PANELS = [createEstimate, createDraws, createDistance, createAutocorrelation, createChecks];
const EVERYTHING = new Set(["payload", "axis", "zoom", "index", "chains", "record", "llc", "scheme"]);

/** Fill the page under `root` until `signal` aborts. */
export async function mountChains(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createChainsModel(opened, signal);
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
    model.look();
    for (const panel of panels) panel.update(model, changed);
    const text = stepAt(model, model.state.index);
    for (const mark of marks) setText(mark, text);
    if (changed.has("index")) model.speak(`${text}. ${panels[1].summary()}`);
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, chains · Ontogeny`;
  update(model.state, EVERYTHING);
  model.listen();
}
