/** The model of the Coincidence page: that of every page, the tests of the run, and its components. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";

/** The graph of a run that has none, in addresses. */
const NO_GRAPH = "-";

/** Return the model of a run's page. */
export function createModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.speak = () => {};
  model.store.subscribe((_, changed) => {
    if (changed.has("payload") || changed.has("graph")) loadTests(model, signal);
    else if (changed.has("strength")) loadComponents(model, signal);
  });
  hearNews(model, signal, { renew, heard: ({ obstacle }) => model.set({ obstacle }) });
  return model;
}

function renew(model, fresh) {
  const { payload, graph, metric, index } = carriedOver(model, fresh);
  model.set({ payload, graph, metric, index });
}

/** Fetch every test of the page, then the components: both come after the page. */
export async function loadTests(model, signal) {
  model.set({ tests: null, trouble: "", parts: null, partsTrouble: "" });
  const told = await load(model, signal, `coincidence/${graphOf(model)}.json`);
  if (!told) return;
  model.set({ tests: told.found, trouble: told.trouble });
  if (told.found?.courses.length) await loadComponents(model, signal);
}

/** Fetch how each component's refined LLC goes with the chosen strength. */
export async function loadComponents(model, signal) {
  const { strength } = model.state;
  model.set({ parts: null, partsTrouble: "" });
  const told = await load(model, signal, `coincidence/${graphOf(model)}/${strength}.json`);
  if (told && model.state.strength === strength) model.set({ parts: told.found, partsTrouble: told.trouble });
}

function graphOf({ state }) {
  return encodeURIComponent(state.graph || NO_GRAPH);
}

/** Return the file, or why it is not here; null if the page, its data or its graph went meanwhile. */
async function load(model, signal, file) {
  const { graph } = model.state;
  const from = model.payload.address;
  let [found, trouble] = [null, ""];
  try {
    const response = await fetch(from.replace(/\.bin$/, `/${file}`), { signal });
    if (response.ok) found = await response.json();
    else trouble = `What is computed over all checkpoints could not be loaded (${response.status}); reload the page.`;
  } catch (error) {
    if (error.name === "AbortError") return null;
    trouble = "The server does not answer; is it still running?";
  }
  const same = model.payload.address === from && model.state.graph === graph;
  return signal.aborted || !same ? null : { found, trouble };
}

/** Return every test with a title, those that stand out first; those of one verdict as the page has them. */
export function everyTest({ distances, lags, courses }) {
  const tests = [
    ...distances.map((test) => ({ ...test, title: `${test.first} and ${test.second}`, main: test.source === "graph" })),
    ...courses.map((test) => ({ ...test, says: GO_TOGETHER, title: `refined LLC and ${test.name}`, main: test.strength === "out_strength" })),
    ...lags.map((test) => ({ ...test, says: GO_TOGETHER, title: `slopes of the LLC and ${test.name}`, main: test.id === "loss" })),
  ];
  const order = Object.keys(VERDICTS);
  return tests.sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
}

/** What is said of curves and of components instead of boundaries. */
export const GO_TOGETHER = "go together";

/** What tests say, and the sign for it: never colour alone. */
export const VERDICTS = {
  together: { sign: "●", text: "coincides" },
  caution: { sign: "◐", text: "coincides, with caution" },
  chance: { sign: "○", text: "no more than chance" },
  untold: { sign: "?", text: "cannot tell" },
};
