/** The model of the Refined LLC page: that of every page, and what is computed over all checkpoints. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decode } from "./payload.mjs";
import { refinements } from "./refined_curves.mjs";

/** Return the model of a run's page. */
export function createModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.speak = () => {};
  model.store.subscribe((_, changed) => {
    if (changed.has("payload")) loadClusters(model, signal);
    if (changed.has("payload") || changed.has("graph")) loadEffects(model, signal);
  });
  model.measure = (steps) => model.request({ kinds: ["refined"], ...(steps ? { steps } : {}) });
  hearNews(model, signal, { renew, heard: ({ obstacle }) => model.set({ obstacle }) });
  return model;
}

function renew(model, fresh) {
  const { payload, graph, metric, index, refined } = carriedOver(model, fresh);
  model.set({ payload, graph, metric, index, refined });
}

/** Return the curves of the chosen setting, one for each part, in the order of the model. */
export function curvesOf({ payload, state }) {
  return refinements(payload)[state.refined] ?? [];
}

/** Return the clusters of the chosen setting; undefined until they are there. */
export function clustersOf({ state }) {
  return state.clusters?.settings[state.refined];
}

/** Fetch which parts develop alike; it comes after the page. */
export async function loadClusters(model, signal) {
  model.set({ clusters: null, clustersTrouble: "" });
  if (Object.keys(refinements(model.payload)).length) await load(model, signal, "clusters", "clusters");
}

/** Fetch how the order of parts goes with what ablating them does in the chosen graph. */
export async function loadEffects(model, signal) {
  const { graph } = model.state;
  model.set({ effects: null, effectsTrouble: "" });
  if (graph && Object.keys(refinements(model.payload)).length) await load(model, signal, "effects", `effects/${encodeURIComponent(graph)}`);
}

async function load(model, signal, name, file) {
  const { graph } = model.state;
  const from = model.payload.address;
  let [found, trouble] = [null, ""];
  try {
    const response = await fetch(from.replace(/\.bin$/, `/refined/${file}.bin`), { signal });
    if (response.ok) found = decode(await response.arrayBuffer());
    else trouble = `What is computed over all checkpoints could not be loaded (${response.status}); reload the page.`;
  } catch (error) {
    if (error.name === "AbortError") return;
    trouble = "The server does not answer; is it still running?";
  }
  const asked = model.payload.address === from && (name === "clusters" || model.state.graph === graph);
  if (!signal.aborted && asked) model.set({ [name]: found, [`${name}Trouble`]: trouble });
}
