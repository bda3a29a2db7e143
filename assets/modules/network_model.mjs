/** The model of the Network page: the state, what follows from it, and what a panel may do to it. */

import { TimeAxis, nearestIndex } from "./axis.mjs";
import { decode } from "./payload.mjs";
import { follow, post } from "./live.mjs";
import { note } from "./note.mjs";
import { readAddress, writeAddress } from "./address.mjs";

/** Return the model of a run's page. */
export function createModel(store, payload, { run, prefix }, signal) {
  const first = store.get();
  const model = {
    store,
    payload,
    state: first,
    axis: new TimeAxis(payload.steps, first.axis, first.zoom),
    plot: { left: 0, width: 0 },
    job: null,
    obstacle: "",
    service: true,
    set: store.set,
    tell: note,
    speak: () => {},
    toggle: (name) => store.set({ component: store.get().component === name ? null : name }),
    go(index, playing = false) {
      const last = model.payload.steps.length - 1;
      store.set({ index: Math.max(0, Math.min(last, index)), ...(playing ? {} : { playing: false }) });
    },
    place({ left, width }) {
      if (width < 1 || (left === model.plot.left && width === model.plot.width)) return;
      model.plot = { left, width };
      store.set({ plot: model.plot });
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
    if (changed.has("payload") || changed.has("graph")) loadStructure(model, signal);
  });
  const news = (server, fresh) => {
    Object.assign(model, { job: server.job, obstacle: server.obstacle, service: server.service });
    store.set({ job: server.job });
    if (fresh) renew(model, fresh);
  };
  model.listen = () => (model.ask = follow(prefix, run, payload.address, news, signal));
  return model;
}

/** Take over new data of the run; the step, not its index, stays. */
function renew(model, payload) {
  const step = model.payload.steps[model.state.index];
  const { state } = readAddress(writeAddress(model.state, model.payload), payload, { lanes: model.state.lanes });
  model.set({ payload, graph: state.graph, metric: state.metric, index: nearestIndex(payload.steps, step) });
}

/** Fetch what is computed over all checkpoints of the chosen graph; it comes after the page. */
export async function loadStructure(model, signal) {
  const { graph } = model.state;
  const from = model.payload.address;
  model.set({ structure: null, trouble: "" });
  if (!graph) return;
  const address = from.replace(/\.bin$/, `/${encodeURIComponent(graph)}.bin`);
  let [structure, trouble] = [null, ""];
  try {
    const response = await fetch(address, { signal });
    if (response.ok) structure = decode(await response.arrayBuffer());
    else trouble = `What is computed over all checkpoints could not be loaded (${response.status}); reload the page.`;
  } catch (error) {
    if (error.name === "AbortError") return;
    trouble = "The server does not answer; is it still running?";
  }
  if (!signal.aborted && model.state.graph === graph && model.payload.address === from) model.set({ structure, trouble });
}
