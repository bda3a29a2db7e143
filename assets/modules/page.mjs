/** What pages of panels have in common: how one is opened, put together, moved by the slider, and left. */

import { byId, element, setText } from "./elements.mjs";
import { debounce, openRun } from "./page_model.mjs";
import { hush, stepAt } from "./network_panel.mjs";
import { createDock } from "./dock.mjs";
import { createPlayback } from "./playback.mjs";
import { fillHead } from "./head.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";

const nothing = () => "";

/**
 * Fill a page under `root` until `signal` aborts. Of a page:
 *
 * - `title`: what it is called behind the run's name;
 * - `open(opened, signal)`: its model;
 * - `panels`: functions that each build a panel and return its `update(model, changed)`;
 * - `everything`: the names of what they draw;
 * - `say(model, changed, panels)`: a change in words, for those who do not see it, or nothing;
 * - `load(model, signal)`: what comes after the page;
 * - `built(model)` and `before(model)`: what is done once panels stand, and before each update;
 * - `own(model)`: what it has in the address beside what all pages have.
 */
export async function mountPage(root, signal, page) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  assemble(page.open(opened, signal), signal, page);
  if (opened.notes.length) note(opened.notes.join(" "));
}

function assemble(model, signal, { title, panels: makers, everything, say, load = nothing, built = nothing, before = nothing, own = nothing }) {
  const { store } = model;
  const playback = createPlayback(model, signal);
  const spoken = element("p", { class: "spoken", role: "status", "aria-live": "polite" });
  byId("main").append(spoken);
  model.speak = debounce((text) => setText(spoken, text), 400, signal);
  const dock = createDock(model, playback, signal);
  const panels = makers.map((create) => create(model, signal));
  built(model);
  const marks = byId("main").querySelectorAll("[data-step]");
  const update = (_, changed) => {
    before(model);
    for (const panel of [dock, ...panels]) panel.update(model, changed);
    const step = stepAt(model, model.state.index);
    for (const mark of marks) setText(mark, step);
    const words = say(model, changed, panels);
    if (words) model.speak(words);
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal, () => own(model));
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true, model }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => [store.stop, hush].forEach((end) => end()));
  document.title = `${model.payload.run.name}, ${title} · Ontogeny`;
  update(model.state, new Set(everything));
  load(model, signal);
  model.listen();
}
