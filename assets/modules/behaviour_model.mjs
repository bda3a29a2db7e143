/** The model of the Behaviour page: that of every page, and what has more than one number a checkpoint. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decode } from "./payload.mjs";

const RECORDS_ONLY = "This run came as records only; its weights are not here.";

/** Return the model of a run's page. */
export function createModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.speak = () => {};
  if (model.payload.run.source === "shipped") model.obstacle = RECORDS_ONLY;
  model.store.subscribe((_, changed) => {
    if (changed.has("payload")) loadDetails(model, signal);
  });
  hearNews(model, signal, { renew, heard: ({ obstacle }) => model.set({ obstacle }) });
  return model;
}

function renew(model, fresh) {
  const { payload, graph, metric, index } = carriedOver(model, fresh);
  model.set({ payload, graph, metric, index });
}

/** Fetch what the panels show of single checkpoints, of all of them at once; it comes after the page. */
export async function loadDetails(model, signal) {
  const from = model.payload.address;
  model.set({ details: null, detailsTrouble: "" });
  let [details, detailsTrouble] = [null, ""];
  try {
    const response = await fetch(from.replace(/\.bin$/, "/behaviour.bin"), { signal });
    if (response.ok) details = decode(await response.arrayBuffer());
    else detailsTrouble = `What the panels show could not be loaded (${response.status}); reload the page.`;
  } catch (error) {
    if (error.name === "AbortError") return;
    detailsTrouble = "The server does not answer; is it still running?";
  }
  if (!signal.aborted && model.payload.address === from) model.set({ details, detailsTrouble });
}

/** Return one checkpoint's row of a table of the details, which has one row for each. */
export function rowAt(table, index) {
  const width = table.shape[1];
  return table.subarray(index * width, (index + 1) * width);
}
