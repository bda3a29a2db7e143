/** The model of the Component page: the state, what follows from it, and what a panel may do to it. */

import { TimeAxis, nearestIndex } from "./axis.mjs";
import { follow, post } from "./live.mjs";
import { readAddress, writeAddress } from "./address.mjs";
import { isOpen } from "./coverage.mjs";
import { note } from "./note.mjs";

const PERIOD = 3000;

/** Return the component that the page shows: the one asked for, or else the first head of the graph. */
export function standing(graph, name) {
  const components = graph?.components ?? [];
  const found = components.find((c) => c.name === name) ?? components.find((c) => c.kind === "head") ?? components[0];
  return found?.name ?? null;
}

/** Return the model of a run's page; there is always one component in its state. */
export function createComponentModel(store, payload, { run, prefix }, signal) {
  const first = store.get();
  const model = {
    store, payload, prefix,
    state: first,
    axis: new TimeAxis(payload.steps, first.axis, first.zoom),
    plot: { left: 0, width: 0 },
    job: null, obstacle: "", service: true,
    tell: note,
    set(fields) {
      if (!("component" in fields)) return store.set(fields);
      const { graph, component } = store.get();
      const shown = model.payload.graphs[fields.graph ?? graph];
      return store.set({ ...fields, component: standing(shown, fields.component ?? component) });
    },
    go(index, playing = false) {
      const last = model.payload.steps.length - 1;
      model.set({ index: Math.max(0, Math.min(last, index)), ...(playing ? {} : { playing: false }) });
    },
    async request(body) {
      const refused = await post(`${prefix}api/jobs`, { run, ...body });
      if (refused) note(refused);
      model.ask();
    },
    compute: () => model.request({}),
    measureAttention: () => model.request({ kinds: ["attention"], steps: [model.payload.steps[model.state.index]] }),
  };
  model.ask = () => {};
  store.subscribe((state, changed) => {
    if (changed.has("payload")) model.payload = state.payload;
    if (changed.has("payload") || changed.has("axis") || changed.has("zoom")) {
      model.axis = new TimeAxis(model.payload.steps, state.axis, state.zoom);
    }
  });
  listen(model, run, payload.address, signal);
  return model;
}

/** Let the model hear of new records and of jobs, once the page is drawn. */
function listen(model, run, address, signal) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const news = (server, fresh) => {
    Object.assign(model, { job: server.job, obstacle: server.obstacle, service: server.service });
    model.set({ job: server.job, attention: server.attention });
    if (fresh) renew(model, fresh);
    clearTimeout(timer);
    // The run's newest job keeps the page asking; an older one may be the one that is waited for.
    if (!isOpen(server.job) && Object.keys(server.attention.waiting).length) timer = setTimeout(model.ask, PERIOD);
  };
  model.listen = () => (model.ask = follow(model.prefix, run, address, news, signal));
}

/** Take over new data of the run; the step, not its index, stays. */
function renew(model, payload) {
  const step = model.payload.steps[model.state.index];
  const { lanes, component } = model.state;
  const { state } = readAddress(writeAddress(model.state, model.payload), payload, { lanes });
  model.payload = payload;
  model.set({ payload, graph: state.graph, metric: state.metric, component, index: nearestIndex(payload.steps, step) });
}
