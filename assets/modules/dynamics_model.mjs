/** The model of the Dynamics page: that of every page, and the ways of runs through the space of their outputs. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decimals, largest } from "./format.mjs";
import { decode } from "./payload.mjs";
import { fetched } from "./live.mjs";
import { note } from "./note.mjs";

/** What runs are called where their names have no room; the page's own run comes first. */
export const LETTERS = ["A", "B", "C", "D", "E"];
/** How many components are drawn over time. */
export const OVER_TIME = 4;
const PLAIN = "1,2";
const WHAT = "The way of the outputs";

/** Return what the address asks for beside what every page reads: other runs, and two components. */
export function readOwn(query) {
  const asked = new URLSearchParams(query);
  const pair = /^([1-6]),([1-6])$/.exec(asked.get("pcs") ?? "");
  const pcs = pair && pair[1] !== pair[2] ? pair[0] : PLAIN;
  return { beside: asked.get("with") ?? "", pcs, facts: null, ways: null, trouble: "", obstacle: "" };
}

/** Return the model of a run's page. */
export function createModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.speak = () => {};
  model.store.subscribe((_, changed) => {
    if (changed.has("payload") || changed.has("beside")) loadWays(model, signal);
  });
  hearNews(model, signal, { renew, heard: ({ obstacle }) => model.set({ obstacle }) });
  return model;
}

function renew(model, fresh) {
  const others = fresh.steps.length !== model.payload.steps.length;
  const { payload, index } = carriedOver(model, fresh);
  model.set({ payload, index, ...(others ? { ways: null } : {}) });
}

/** Return what the page has in the address beside what every page has. */
export function ownAddress({ state: { beside, pcs } }) {
  const own = new URLSearchParams({ ...(beside ? { with: beside } : {}), ...(pcs === PLAIN ? {} : { pcs }) });
  return own.toString().replaceAll("%2C", ",");
}

/** Fetch the way of the run and of those beside it; they come after the page. */
export async function loadWays(model, signal) {
  const { beside, facts: known, ways: shown } = model.state;
  const { address: from } = model.payload;
  if (known && shown && known.from === from && known.beside.join() === beside) return;
  const stale = () => signal.aborted || model.state.beside !== beside || model.payload.address !== from;
  try {
    const facts = await fetched(`${model.prefix}api/dynamics/${encodeURIComponent(model.run)}?with=${encodeURIComponent(beside)}`, signal, WHAT, (r) => r.json());
    if (stale()) return;
    const same = known && facts.address === known.address && shown;
    const ways = same ? shown : facts.address ? decode(await fetched(facts.address, signal, WHAT, (r) => r.arrayBuffer())) : null;
    if (stale()) return;
    if (facts.left.length) note(`Not drawn beside this run: ${facts.left.map(({ name, reason }) => `${name} (${reason})`).join("; ")}.`);
    facts.from = from;
    model.set({ facts, ways, trouble: "", beside: facts.beside.join() });
  } catch (error) {
    if (error.name !== "AbortError" && !stale()) model.set({ facts: null, ways: null, trouble: error.message });
  }
}

/** Return the two components that span the plane, from 0; those that the runs have. */
export function pairOf({ state }) {
  const asked = state.pcs.split(",").map((k) => Number(k) - 1);
  return asked.every((k) => k < axesOf(state.ways)) ? asked : [0, 1];
}

/** Return how many components vary, at least two. */
export function axesOf(ways) {
  return Math.max(2, ways.explained.filter((share) => share > 0).length);
}

/** Return the place of a run's checkpoint on some components; null where it is not measured. */
export function placeOf(run, index, axes) {
  const width = run.scores.shape[1];
  const found = axes.map((k) => run.scores[index * width + k]);
  return found.every(Number.isFinite) ? found : null;
}

/** Return the place of a reference on some components. */
export function referenceOf(ways, r, axes) {
  const width = ways.referenceScores.shape[1];
  return axes.map((k) => ways.referenceScores[r * width + k]);
}

/** Return how far from the space of some components a point lies, given all its places and what is left beyond them. */
export function beyond(scores, row, left, axes) {
  const width = scores.shape[1];
  let square = left ** 2;
  for (let k = 0; k < width; k++) if (!axes.includes(k)) square += scores[row * width + k] ** 2;
  return Math.sqrt(square);
}

/** Return the checkpoint of a run that lies at the slider's: of other runs the nearest measured one, -1 for none. */
export function indexAt(model, run, index = model.state.index) {
  if (run === model.state.ways.runs[0]) return index;
  const at = model.payload.steps[index];
  let best = -1;
  run.steps.forEach((step, i) => {
    if (Number.isFinite(run.left[i]) && (best < 0 || Math.abs(step - at) < Math.abs(run.steps[best] - at))) best = i;
  });
  return best;
}

/** Return how many decimals serve places and distances of these ways; the same for all of them. */
export function placesOf(ways) {
  return decimals(Math.max(...ways.runs.map((run) => largest(run.scores))));
}
