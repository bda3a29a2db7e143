/** The Development page: one model, and panels that each draw it. */

import { TimeAxis, nearestIndex } from "./axis.mjs";
import { byId, element, setText } from "./elements.mjs";
import { createBump } from "./bump.mjs";
import { createDock } from "./dock.mjs";
import { createGraph } from "./graph.mjs";
import { createLanes } from "./lanes.mjs";
import { createPlayback } from "./playback.mjs";
import { createPlot } from "./plot.mjs";
import { createRanks } from "./ranks.mjs";
import { createState } from "./state.mjs";
import { fetchPayload } from "./payload.mjs";
import { fillHead, scheme } from "./head.mjs";
import { follow, post } from "./live.mjs";
import { keepAddress, readAddress, writeAddress } from "./address.mjs";
import { listenToKeys } from "./keys.mjs";
import { note } from "./note.mjs";
import { step as formatStep } from "./format.mjs";

const COMPACT = matchMedia("(max-width: 899px)");

/** Fill the page under `root` until `signal` aborts. */
export async function mountDevelopment(root, signal) {
  const { run, prefix, payload: address, lanes } = root.dataset;
  let payload;
  try {
    payload = await fetchPayload(address);
  } catch (error) {
    return note(`${error.message}; reload the page.`);
  }
  if (signal.aborted) return undefined;
  const { state, notes } = readAddress(location.search, payload, { lanes: lanes.split(" ").filter(Boolean) });
  const store = createState({ ...state, playing: false, scheme: scheme(), compact: COMPACT.matches, payload, plot: null, job: null });
  const model = createModel(store, payload, { run, prefix }, signal);
  assemble(model, store, signal);
  if (notes.length) note(notes.join(" "));
  return undefined;
}

/** The model: the state, what follows from it, and what a panel may do to it. */
function createModel(store, payload, { run, prefix }, signal) {
  const first = store.get();
  const model = {
    store,
    payload,
    prefix,
    state: first,
    axis: new TimeAxis(payload.steps, first.axis, first.zoom),
    plot: { left: 0, width: 0 },
    job: null,
    obstacle: "",
    service: true,
    set: store.set,
    tell: note,
    toggle: (name) => store.set({ component: store.get().component === name ? null : name }),
    go(index, playing = false) {
      const last = model.payload.steps.length - 1;
      store.set({ index: Math.max(0, Math.min(last, index)), ...(playing ? {} : { playing: false }) });
    },
    place({ left, right, figure }) {
      const plot = { left: figure.left + left, width: figure.width - left - right };
      if (plot.width < 1) return;
      if (plot.left === model.plot.left && plot.width === model.plot.width) return;
      model.plot = plot;
      const plane = document.querySelector(".lanes-plane");
      plane.style.left = `${plot.left - plane.parentNode.getBoundingClientRect().left}px`;
      plane.style.width = `${plot.width}px`;
      store.set({ plot });
    },
    async compute() {
      const refused = await post(`${prefix}api/jobs`, { run });
      if (refused) note(refused);
      model.ask();
    },
  };
  model.ask = () => {};
  store.subscribe((state, changed) => {
    if (changed.has("payload")) model.payload = state.payload;
    if (changed.has("payload") || changed.has("axis") || changed.has("zoom")) {
      model.axis = new TimeAxis(model.payload.steps, state.axis, state.zoom);
    }
  });
  const news = (server, fresh) => {
    model.job = server.job;
    model.obstacle = server.obstacle;
    model.service = server.service;
    store.set({ job: server.job });
    if (fresh) renew(model, fresh);
  };
  model.listen = () => (model.ask = follow(prefix, run, payload.address, news, signal));
  return model;
}

/** Take over new data of the run; the step, not its index, stays. */
function renew(model, payload) {
  const step = model.payload.steps[model.state.index];
  const since = model.payload.steps[model.state.since];
  const { state } = readAddress(writeAddress(model.state, model.payload), payload, { lanes: model.state.lanes });
  model.set({
    payload,
    graph: state.graph,
    metric: state.metric,
    ...(model.state.graph ? {} : { threshold: state.threshold, top: state.top }),
    lanes: model.state.lanes,
    index: nearestIndex(payload.steps, step),
    since: nearestIndex(payload.steps, since),
  });
}

function assemble(model, store, signal) {
  const playback = createPlayback(model, signal);
  const lanes = createLanes(model, signal);
  const graph = createGraph(model, signal);
  const panels = [createPlot(model, lanes, signal), createDock(model, playback, signal), graph, createRanks(model), createBump(model, signal), lanes];
  const marks = byId("main").querySelectorAll("[data-step]");
  const spoken = element("p", { class: "spoken", "aria-live": "polite" });
  byId("main").append(spoken);
  const announce = debounce(() => setText(spoken, `Step ${stepText(model)}. ${graph.summary()}`), 600, signal);
  const update = (_, changed) => {
    for (const panel of panels) panel.update(model, changed);
    for (const mark of marks) setText(mark, `step ${stepText(model)}`);
    announce();
  };
  store.subscribe(update);
  const write = keepAddress(store, () => model.payload, signal);
  fillHead({ copy: () => (write(), location.href), onScheme: (s) => model.set({ scheme: s }), keys: true }, signal);
  COMPACT.addEventListener("change", () => model.set({ compact: COMPACT.matches }), { signal });
  listenToKeys(model, playback, signal);
  signal.addEventListener("abort", () => store.stop());
  document.title = `${model.payload.run.name} · Ontogeny`;
  update(model.state, new Set(["payload", "graph", "metric", "axis", "zoom", "lanes", "component"]));
  model.listen();
}

function stepText(model) {
  return formatStep(model.payload.steps[model.state.index] ?? 0);
}

function debounce(act, pause, signal) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  };
}
