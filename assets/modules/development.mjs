/** The Development page: one model, and panels that each draw it. */

import { nearestIndex } from "./axis.mjs";
import { byId, element, setText } from "./elements.mjs";
import { createBump } from "./bump.mjs";
import { createDock } from "./dock.mjs";
import { createGraph } from "./graph.mjs";
import { createLanes } from "./lanes.mjs";
import { createPlayback } from "./playback.mjs";
import { createPlot } from "./plot.mjs";
import { createRanks } from "./ranks.mjs";
import { fillHead } from "./head.mjs";
import { carriedOver, createPageModel, debounce, hearNews, openRun, stepText } from "./page_model.mjs";
import { keepAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { offerTour } from "./tour.mjs";

const COMPACT = matchMedia("(max-width: 1099px)");

/** Fill the page under `root` until `signal` aborts. */
export async function mountDevelopment(root, signal) {
  const opened = await openRun(root, signal);
  if (!opened) return;
  const model = createPageModel(opened, { compact: COMPACT.matches });
  layOver(model);
  hearNews(model, signal, { renew });
  assemble(model, model.store, signal);
  if (opened.notes.length) note(opened.notes.join(" "));
  offerTour(signal);
}

/** Where the lanes have their time axis, the slider and the line through all of them have theirs. */
function layOver(model) {
  const place = model.place;
  model.place = ({ left, right, figure }) => {
    const moved = place({ left: figure.left + left, width: figure.width - left - right });
    if (!moved) return;
    const plane = document.querySelector(".lanes-plane");
    plane.style.left = `${model.plot.left - plane.parentNode.getBoundingClientRect().left}px`;
    plane.style.width = `${model.plot.width}px`;
  };
}

function renew(model, fresh) {
  const { payload, graph, metric, threshold, top, lanes, index } = carriedOver(model, fresh);
  const since = nearestIndex(payload.steps, model.payload.steps[model.state.since]);
  model.set({ payload, graph, metric, ...(model.state.graph ? {} : { threshold, top }), lanes, index, since });
}

function assemble(model, store, signal) {
  const playback = createPlayback(model, signal);
  const lanes = createLanes(model, signal);
  const graph = createGraph(model, signal);
  const panels = [createPlot(model, lanes, signal), createDock(model, playback, signal), graph, createRanks(model, signal), createBump(model, signal), lanes];
  const marks = byId("main").querySelectorAll("[data-step]");
  const spoken = element("p", { class: "spoken", "aria-live": "polite" });
  byId("main").append(spoken);
  model.speak = debounce((text) => setText(spoken, text), 400, signal);
  const announce = debounce(() => setText(spoken, `Step ${stepText(model)}. ${graph.summary()}`), 600, signal);
  const update = (_, changed) => {
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, `step ${stepText(model)}`);
    announce();
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true, model }, signal);
  COMPACT.addEventListener("change", () => model.set({ compact: COMPACT.matches }), { signal });
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => store.stop());
  document.title = `${model.payload.run.name} · Ontogeny`;
  update(model.state, new Set(["payload", "graph", "metric", "axis", "zoom", "lanes", "component"]));
  model.listen();
}
