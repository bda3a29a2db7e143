/** The model of the Network page: that of every page, and what is computed over all checkpoints of a graph. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decode } from "./payload.mjs";

/** Return the model of a run's page. */
export function createModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.speak = () => {};
  model.store.subscribe((state, changed) => {
    if (changed.has("payload") || changed.has("graph")) loadStructure(model, signal);
  });
  hearNews(model, signal, { renew });
  return model;
}

function renew(model, fresh) {
  const { payload, graph, metric, index } = carriedOver(model, fresh);
  model.set({ payload, graph, metric, index });
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
