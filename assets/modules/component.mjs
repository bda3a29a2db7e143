/** The Component page: one component, in panels that all move with the one slider. */

import { byId, element, setText } from "./elements.mjs";
import { createAttention } from "./attention_panel.mjs";
import { createComponentModel, standing } from "./component_model.mjs";
import { createCurves } from "./component_curves.mjs";
import { createDock, placeDock } from "./dock.mjs";
import { createEdges } from "./component_edges.mjs";
import { createHead } from "./component_head.mjs";
import { createPlayback } from "./playback.mjs";
import { fillHead } from "./head.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { debounce, openRun, stepText } from "./page_model.mjs";

const EVERYTHING = new Set(["payload", "graph", "axis", "zoom", "component", "index", "attention"]);

/** Fill the page under `root` until `signal` aborts. */
export async function mountComponent(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const { state, payload, notes } = opened;
  state.component = standing(payload.graphs[state.graph], state.component);
  const model = createComponentModel(opened, { attention: null }, signal);
  assemble(model, model.store, signal);
  if (notes.length) note(notes.join(" "));
}

function assemble(model, store, signal) {
  const playback = createPlayback(model, signal);
  const head = createHead(model);
  const panels = [createDock(model, playback, signal), head, createEdges(model), createAttention(model, signal), createCurves(model, signal)];
  const marks = byId("main").querySelectorAll("[data-step]");
  const spoken = element("p", { class: "spoken", "aria-live": "polite" });
  byId("main").append(spoken);
  const announce = debounce(() => setText(spoken, `Step ${stepText(model)}. ${head.summary()}`), 600, signal);
  const update = (state, changed) => {
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, `step ${stepText(model)}`);
    document.title = `${state.component} · ${model.payload.run.name} · Ontogeny`;
    announce();
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true, model }, signal);
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => store.stop());
  update(model.state, EVERYTHING);
  placeDock(model, signal);
  model.listen();
}
