/** What the pages of a run share: how one opens, its model, and how it hears of new records. */

import { TimeAxis, nearestIndex } from "./axis.mjs";
import { createState } from "./state.mjs";
import { followStages } from "./stages.mjs";
import { keepBands } from "./stage_bands.mjs";
import { fetchPayload } from "./payload.mjs";
import { follow, post } from "./live.mjs";
import { note } from "./note.mjs";
import { readAddress, writeAddress } from "./address.mjs";
import { scheme } from "./head.mjs";
import { step as formatStep } from "./format.mjs";

/**
 * Fetch the data of the run that `root` names, and return it with the state that the address asks
 * for and what to say of it; null if it cannot be had, or the page went meanwhile.
 */
export async function openRun(root, signal) {
  const { run, prefix, payload: address, lanes = "" } = root.dataset;
  try {
    const payload = await fetchPayload(address);
    if (signal.aborted) return null;
    const { state, notes } = readAddress(location.search, payload, { lanes: lanes.split(" ").filter(Boolean) });
    return { run, prefix, payload, state, notes };
  } catch (error) {
    note(`${error.message}; reload the page.`);
    return null;
  }
}

/** Return the model of a page: the state with the page's `own` fields, what follows from it, and what a panel may do to it. */
export function createPageModel({ run, prefix, payload, state }, own) {
  const store = createState({ ...state, playing: false, scheme: scheme(), payload, plot: null, job: null, stages: null, find: "", large: false, ...own });
  const model = {
    store, run, prefix, payload,
    state: store.get(),
    axis: new TimeAxis(payload.steps, state.axis, state.zoom, payload.run.tokensPerStep),
    plot: { left: 0, width: 0 },
    job: null,
    obstacle: "",
    service: true,
    set: store.set,
    tell: note,
    ask: () => {},
    toggle: (name) => model.set({ component: model.state.component === name ? null : name }),
    go(index, playing = false) {
      const last = model.payload.steps.length - 1;
      model.set({ index: Math.max(0, Math.min(last, index)), ...(playing ? {} : { playing: false }) });
    },
    place({ left, width }) {
      if (width < 1 || (left === model.plot.left && width === model.plot.width)) return false;
      model.plot = { left, width };
      model.set({ plot: model.plot });
      return true;
    },
    async request(body) {
      const refused = await post(`${prefix}api/jobs`, { run, ...body });
      if (refused) note(refused);
      model.ask();
    },
    compute: () => model.request({}),
  };
  store.subscribe((state, changed) => {
    if (changed.has("payload")) model.payload = state.payload;
    if (changed.has("payload") || changed.has("axis") || changed.has("zoom")) {
      model.axis = new TimeAxis(model.payload.steps, state.axis, state.zoom, model.payload.run.tokensPerStep);
    }
  });
  keepBands(model);
  return model;
}

/** Let `model.listen` hear of jobs, of stages, and of new data, which `renew` takes over; `heard` is told all that the server said. */
export function hearNews(model, signal, { renew, heard = () => {} }) {
  const news = (server, fresh) => {
    Object.assign(model, { job: server.job, obstacle: server.obstacle, service: server.service });
    model.set({ job: server.job });
    if (fresh) renew(model, fresh);
    heard(server);
  };
  model.listen = () => {
    model.ask = follow(model.prefix, model.run, model.payload.address, news, signal);
    followStages(model, signal);
  };
}

/** Return the state for new data of the run: the step, not its index, stays. */
export function carriedOver(model, payload) {
  const { lanes, index } = model.state;
  const { state } = readAddress(writeAddress(model.state, model.payload), payload, { lanes });
  return { ...state, payload, lanes, index: nearestIndex(payload.steps, model.payload.steps[index]) };
}

/** Return a function that does what `act` does once it was not called for `pause` milliseconds. */
export function debounce(act, pause, signal) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(act, pause, ...given);
  };
}

/** Return a checkpoint's step as text; that of the slider unless `index` says which. */
export function stepText(model, index = model.state.index) {
  return formatStep(model.payload.steps[index] ?? 0);
}
