/** The model of the Compare page: checkpoint A, which is the slider's, checkpoint B, of the same run or another, and what differs. */

import { WAYS, alignedOf, loadRuns, loadTurns } from "./across_model.mjs";
import { addressOf } from "./opened.mjs";
import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { changesAt, matchGraphs } from "./compare_edges.mjs";
import { fetchPayload } from "./payload.mjs";
import { fetched } from "./live.mjs";
import { loadPrompts } from "./compare_prompts.mjs";
import { nearestIndex } from "./axis.mjs";
import { readTop } from "./address.mjs";
import { step as formatStep } from "./format.mjs";

const MOST = 40;

/** Return what the address asks for beside what every page reads: run and step of B, the alignment, what is drawn of the difference. */
export function readOwn(query, opened, { others }) {
  const asked = new URLSearchParams(query);
  const other = others.some((o) => o.name === asked.get("with")) ? asked.get("with") : "";
  if (asked.get("with") && !other && asked.get("with") !== opened.run) opened.notes.push(`No run named “${asked.get("with")}” here: B is a step of the same run.`);
  const by = Object.hasOwn(WAYS, asked.get("by") ?? "") ? asked.get("by") : "step";
  const least = Number(asked.get("apart"));
  return {
    other, by, turnsOf: asked.get("turns") ?? `/${opened.state.llc}`, across: null, trouble: "", turns: null, turnsTrouble: "",
    asked: asked.has("against") ? Number(asked.get("against")) : null,
    against: -1, follow: Boolean(other) && !asked.has("against"), beside: null,
    least: Number.isFinite(least) && least > 0 ? least : 0, most: readTop(asked.get("most"), MOST), sure: asked.get("sure") === "1",
    prompts: {}, sort: "size", filter: "",
  };
}

/** Return what the page has in the address beside what every page has. */
export function ownAddress({ state }) {
  const { other, by, turnsOf, against, beside, follow, least, most, sure } = state;
  const own = new URLSearchParams();
  if (beside && against >= 0 && !follow) own.set("against", beside.steps[against]);
  if (other) own.set("with", other);
  if (other && by !== "step") own.set("by", by);
  if (other && turnsOf !== "/llc") own.set("turns", turnsOf);
  if (least) own.set("apart", least);
  if (most !== MOST) own.set("most", most ?? "all");
  if (sure) own.set("sure", 1);
  return own.toString().replaceAll("%7E", "~").replaceAll("%2F", "/");
}

/** Return the model of a run's page. */
export function createModel(opened, facts, own, signal) {
  const model = createPageModel(opened, own);
  const cache = {};
  Object.assign(model, {
    facts, speak: () => {},
    goAgainst: (index) => model.set({ against: Math.max(0, Math.min((model.state.beside?.steps.length ?? 1) - 1, index)), follow: false }),
    pin: () => model.goAgainst(model.state.other ? nearestIndex(model.state.beside.steps, model.payload.steps[model.state.index]) : model.state.index),
    swap: () => swap(model),
    pair: () => pairOf(model, cache),
  });
  model.store.subscribe((state, changed) => {
    if (changed.has("other") || changed.has("payload")) loadBeside(model, signal);
    if (changed.has("across") || changed.has("turnsOf")) state.other && loadTurns(model, signal);
    if (["other", "payload", "beside", "graph", "metric"].some((name) => changed.has(name))) loadPrompts(model, signal);
    if (state.follow && ["index", "across", "turns", "by", "follow", "beside"].some((name) => changed.has(name))) followA(model);
  });
  hearNews(model, signal, { renew: (_, fresh) => {
    const { payload, graph, metric, index } = carriedOver(model, fresh);
    model.set({ payload, graph, metric, index });
  } });
  return model;
}

/** Let B stand where it is aligned with A. */
function followA(model) {
  const index = alignedOf(model);
  const { beside } = model.state;
  if (beside && index >= 0) model.set({ against: index });
}

/** Fetch the run of B; of the same run there is nothing to fetch. */
export async function loadBeside(model, signal) {
  const { other } = model.state;
  if (!other) return besideIs(model, model.payload, ownCurves(model.payload));
  if (model.state.beside?.run.name !== other) model.set({ beside: null, trouble: "" });
  loadRuns(model, signal);
  try {
    const { payload: address } = await fetched(`${model.prefix}api/state/${encodeURIComponent(other)}`, signal, `Run ${other}`, (r) => r.json());
    if (signal.aborted || model.state.other !== other || model.state.beside?.address === address) return undefined;
    const payload = await fetchPayload(address);
    if (!signal.aborted && model.state.other === other) besideIs(model, payload, {});
  } catch (error) {
    if (error.name !== "AbortError") model.set({ trouble: error.message });
  }
  return undefined;
}

/** Take over the run of B, at the step that was asked for, or the one before, or the first. */
function besideIs(model, beside, fields) {
  const { asked, against, beside: before, other } = model.state;
  const wanted = asked ?? (before && before.run.name === beside.run.name ? before.steps[against] : other ? model.payload.steps[model.state.index] : beside.steps[0]);
  const index = beside.steps.length ? nearestIndex(beside.steps, Number.isFinite(wanted) ? wanted : 0) : -1;
  if (asked !== null && index >= 0 && beside.steps[index] !== asked) model.tell(`No checkpoint of B at the step of the link: this is the nearest, ${formatStep(beside.steps[index])}.`);
  const shared = Object.keys(model.payload.graphs).filter((name) => name in beside.graphs);
  const graph = shared.includes(model.state.graph) || !shared.length ? model.state.graph : shared[0];
  model.set({ beside, against: index, asked: null, graph, trouble: "", ...fields });
}

/** The curves of one run as those of a pair, so that one set of lanes draws both. */
function ownCurves(payload) {
  const at = (curves, graph) => curves.filter((c) => c.component === null && c.values.some(Number.isFinite)).map((c) => ({ id: c.id, name: c.name, unit: c.unit, group: c.group, graph, runs: [c, c] }));
  const curves = [...at(payload.curves, ""), ...Object.entries(payload.graphCurves).flatMap(([graph, found]) => (graph ? at(found, graph) : []))];
  const run = { name: payload.run.name, steps: payload.steps, seed: null, recipe: "", tokensPerStep: 0, data: "" };
  const step = { reason: "", scale: 1, steps: payload.steps, nearest: payload.steps.map((_, i) => i) };
  return { across: { mode: "pair", runs: [run, run], curves, by: { step } }, by: "step", turns: null };
}

/** A becomes B and B becomes A; of two runs that is another page. */
function swap(model) {
  const { state, payload } = model;
  const { other, index, against, beside } = state;
  if (!beside || against < 0) return;
  if (!other) return model.set({ index: against, against: index, playing: false });
  const query = new URL(addressOf()).searchParams;
  for (const [name, value] of Object.entries({ run: other, step: beside.steps[against], with: model.run, against: payload.steps[index] })) query.set(name, value);
  for (const name of ["lanes", "zoom", "turns", "since"]) query.delete(name);
  const search = `?${query.toString()}`;
  window.dash_clientside.set_props("url", { pathname: location.pathname, search, href: location.origin + location.pathname + search });
}

/**
 * Return both graphs and what differs between them at the two checkpoints: `a`, `b`, `i`, `j`,
 * `match`, `changes`, `paired` prompts, `heaviest` of both runs; null while B is not there. Panels
 * that draw the same frame share it.
 */
function pairOf(model, cache) {
  const { state, payload } = model;
  const { beside, graph, index, against, prompts } = state;
  if (!beside) return null;
  const [a, b] = [payload.graphs[graph], beside.graphs[graph]];
  if (cache.a !== a || cache.b !== b) Object.assign(cache, { a, b, match: a && b ? matchGraphs(a, b) : null, frame: "" });
  const paired = pairedPrompts(prompts.edges);
  const frame = `${index} ${against}`;
  if (cache.frame !== frame || cache.edges !== prompts.edges) {
    Object.assign(cache, { frame, edges: prompts.edges });
    cache.pair = { a, b, i: index, j: against, match: cache.match, paired, heaviest: Math.max(a?.heaviest ?? 0, b?.heaviest ?? 0), changes: cache.match && changesAt(a, b, cache.match, index, against, paired) };
  }
  return cache.pair;
}

/** Return what was loaded of both sides' prompts if these are the same prompts, else null. */
export function pairedPrompts(sides) {
  const [a, b] = sides ?? [];
  return a && b && !a.absent && !b.absent && a.prompts === b.prompts && a.groups === b.groups ? { a, b } : null;
}

/** Return why errors count as independent, in words; "" where prompts are paired. */
export function whyUnpaired(sides, loading = "Prompts are being loaded: until then errors count as independent.") {
  const [a, b] = sides ?? [];
  if (!a || !b) return loading;
  if (a.absent || b.absent) return a.absent || b.absent;
  return pairedPrompts(sides) ? "" : "The two graphs were not measured on the same prompts, so errors count as independent.";
}
