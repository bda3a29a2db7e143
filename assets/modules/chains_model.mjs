/** The model of the Chains page: that of every page, which estimates have chains, and those of one. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decode, findCurve } from "./payload.mjs";
import { createAsking } from "./live.mjs";

const KEPT = 64;
const PERIOD = 3000;
const kept = new Map();

/** Return the model of a run's page; `model.view` is what is shown: see `look`. */
export function createChainsModel(opened, signal) {
  const model = createPageModel(opened, { chains: null, record: null, trouble: "" });
  model.speak = () => {};
  model.measure = () => model.request({ kinds: ["llc"], steps: [model.payload.steps[model.state.index]] });
  const ask = createAsking((trouble) => model.set({ trouble }), signal);

  /**
   * Work out what is shown: the `curve` of the chosen setting, its `setting` in the server's list,
   * the `address` of the chains at this step, and their `record`: undefined while it is not here.
   */
  model.look = () => {
    const { chains, llc, index } = model.state;
    const curve = findCurve(model.payload, "", llc) ?? findCurve(model.payload, "", "llc");
    const setting = chains?.settings.find((s) => s.curve === curve?.id && s.label === curve.settings);
    const address = setting?.measured[model.payload.steps[index]];
    const record = address && kept.get(address);
    if (address && !record) ask(address, () => fetchChains(address, signal), () => model.set({ record: address, trouble: "" }));
    model.view = { curve, setting, address, record };
  };
  hearNews(model, signal, { renew, heard: chainsFollower(model, signal) });
  return model;
}

/** Fetch the chains of one estimate; those that were here once are kept. */
async function fetchChains(address, signal) {
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`these chains could not be loaded (${response.status})`);
  kept.set(address, decode(await response.arrayBuffer()));
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

/** Ask which chains there are whenever the server has news, and while a step waits for them. */
function chainsFollower(model, signal) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return async () => {
    clearTimeout(timer);
    try {
      const response = await fetch(`${model.prefix}api/chains/${model.run}`, { signal });
      if (!response.ok) throw new Error(`the list of chains could not be loaded (${response.status})`);
      const chains = await response.json();
      model.set({ chains, trouble: "" });
      if (Object.keys(chains.waiting).length) timer = setTimeout(model.ask, PERIOD);
    } catch (error) {
      if (error.name !== "AbortError") model.set({ trouble: `${error.message}; reload the page.` });
    }
  };
}

function renew(model, fresh) {
  const { payload, index } = carriedOver(model, fresh);
  model.set({ payload, index });
}
