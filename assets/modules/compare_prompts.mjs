/** What single prompts say of both graphs: fetched once for a graph and a metric, by the digest of the run's data. */

import { decode } from "./payload.mjs";
import { fetched } from "./live.mjs";

/**
 * Fetch it for both sides; until it is there, and where it is not, errors count as independent. What
 * was said of other data goes at once: those of the graph stay on another metric only.
 */
export async function loadPrompts(model, signal) {
  const { payload, state } = model;
  const { beside, graph, metric } = state;
  if (!beside || !payload.graphs[graph] || !beside.graphs[graph]) return model.set({ prompts: {} });
  const [name, of] = [encodeURIComponent(graph), [payload, beside, graph]];
  const { edges } = of.every((part, i) => part === state.prompts.of?.[i]) ? state.prompts : {};
  model.set({ prompts: { of, edges } });
  await Promise.all(Object.entries({ edges: name, metric: `${name}/${encodeURIComponent(metric)}` }).map(async ([what, file]) => {
    if (what === "metric" && !metric) return;
    const sides = await bothSides(model, [payload, beside], file, signal);
    const now = model.state;
    if (signal.aborted || now.beside !== beside || now.graph !== graph || now.metric !== metric || model.payload !== payload) return;
    model.set({ prompts: { ...now.prompts, [what]: sides } });
  }));
  return undefined;
}

const kept = new Map();
const MOST = 12;

async function bothSides(model, payloads, file, signal) {
  const addresses = payloads.map((p) => p.address.replace(/\.bin$/, `/prompts/${file}.bin`));
  try {
    return await Promise.all(addresses.map((address) => once(address, signal)));
  } catch (error) {
    if (error.name !== "AbortError") model.tell(`${error.message} Errors count as independent until then.`);
    return [{ absent: "The prompts could not be loaded: errors count as independent." }, { absent: "" }];
  }
}

/** Both sides of one run are one file. */
async function once(address, signal) {
  if (!kept.has(address)) {
    const asked = fetched(address, signal, "The prompts", (r) => r.arrayBuffer()).then(decode);
    kept.set(address, asked);
    asked.catch(() => kept.delete(address));
    while (kept.size > MOST) kept.delete(kept.keys().next().value);
  }
  return kept.get(address);
}
