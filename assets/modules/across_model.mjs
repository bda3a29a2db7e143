/** The model of the Across runs page: that of every page, the runs beside it, and how they are aligned. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { decode } from "./payload.mjs";
import { fetched } from "./live.mjs";

/** Stands for all runs of the recipe where else the name of a run stands; no run can have this name. */
export const RECIPE = "~recipe";
export const WAYS = { step: "step", tokens: "tokens", boundary: "boundary" };

/** Return what the address asks for beside what every page reads: the other run, the alignment, and by which curve. */
export function readOwn(query, { state }, { group, others, family }) {
  const asked = new URLSearchParams(query);
  const known = [...(group.length > 1 ? [RECIPE] : []), ...others.map((o) => o.name)];
  const first = group.length > 1 ? RECIPE : (others.find((o) => o.family === family) ?? others[0])?.name;
  const other = known.includes(asked.get("with")) ? asked.get("with") : (first ?? "");
  const by = Object.hasOwn(WAYS, asked.get("by") ?? "") ? asked.get("by") : "step";
  return { other, by, turnsOf: asked.get("turns") ?? `/${state.llc}`, across: null, trouble: "", turns: null, turnsTrouble: "" };
}

/** Return the model of a run's page. */
export function createModel(opened, facts, own, signal) {
  const model = createPageModel(opened, own);
  model.facts = facts;
  model.speak = () => {};
  model.store.subscribe((_, changed) => {
    if (changed.has("other") || changed.has("payload")) loadRuns(model, signal);
    if (changed.has("across") || changed.has("turnsOf")) loadTurns(model, signal);
  });
  hearNews(model, signal, { renew });
  return model;
}

function renew(model, fresh) {
  const { payload, graph, index } = carriedOver(model, fresh);
  model.set({ payload, graph, index });
}

/** Return what the page has in the address beside what every page has. */
export function ownAddress({ state }) {
  const { other, by, turnsOf } = state;
  const own = new URLSearchParams({ ...(other ? { with: other } : {}), ...(other && other !== RECIPE ? { by } : {}), ...(turnsOf === "/llc" ? {} : { turns: turnsOf }) });
  return own.toString().replaceAll("%7E", "~").replaceAll("%2F", "/");
}

/** Return a curve's name in addresses: its graph, if it is of one, and its id. */
export function placeOf({ graph, id }) {
  return `${graph}/${id}`;
}

/** Return the curves that the runs share: those of the run, and those of the chosen graph. */
export function sharedCurves({ state }) {
  return (state.across?.curves ?? []).filter((curve) => !curve.graph || curve.graph === state.graph);
}

/** Return the curves that are shown: the chosen ones that the runs share, or else the first four. */
export function shownCurves(model) {
  const shared = sharedCurves(model);
  const chosen = model.state.lanes.flatMap((id) => shared.filter((curve) => curve.id === id));
  return chosen.length ? chosen : shared.slice(0, 4);
}

/** Return where the second run's checkpoints lie, `{reason, steps, nearest}`; null while that is not known. */
export function alignmentOf({ state }, by = state.by) {
  return by === "boundary" ? state.turns : (state.across?.by?.[by] ?? null);
}

/** Return the second run's checkpoint that is shown: the chosen one where a page lets it be chosen. */
export function besideOf(model) {
  return model.state.against ?? alignedOf(model);
}

/** Return the second run's checkpoint that lies at the slider's, -1 for none. */
export function alignedOf(model) {
  const found = alignmentOf(model);
  return found && !found.reason ? (found.nearest[model.state.index] ?? -1) : -1;
}

/** Fetch the runs that are shown; they come after the page. */
export async function loadRuns(model, signal) {
  const { other } = model.state;
  if (!other) return;
  const what = other === RECIPE ? "recipe" : `run/${encodeURIComponent(other)}`;
  try {
    const address = (await fetched(`${model.prefix}api/across/${encodeURIComponent(model.run)}/${what}`, signal, "The runs", (r) => r.json())).address;
    if (signal.aborted || model.state.other !== other || model.state.across?.address === address) return;
    const across = decode(await fetched(address, signal, "The runs", (r) => r.arrayBuffer()));
    across.address = address;
    if (signal.aborted || model.state.other !== other) return;
    const by = across.by?.[model.state.by]?.reason ? "step" : model.state.by;
    model.set({ across, by, trouble: "", turns: null, turnsTrouble: "" });
  } catch (error) {
    if (error.name !== "AbortError") model.set({ across: null, trouble: error.message });
  }
}

/** Fetch how two runs align by the boundaries of one curve: the server may have to find them first. */
export async function loadTurns(model, signal) {
  const { across, turnsOf } = model.state;
  model.set({ turns: null, turnsTrouble: "" });
  if (across?.mode !== "pair") return;
  const curve = across.curves.find((c) => placeOf(c) === turnsOf) ?? across.curves[0];
  if (!curve) return;
  if (placeOf(curve) !== turnsOf) return model.set({ turnsOf: placeOf(curve) });
  try {
    const file = `${encodeURIComponent(curve.graph || "-")}/${encodeURIComponent(curve.id)}.json`;
    const turns = await fetched(across.address.replace(/\.bin$/, `/${file}`), signal, "The runs", (r) => r.json());
    if (signal.aborted || model.state.across !== across || model.state.turnsOf !== turnsOf) return;
    turns.steps = turns.steps.map((t) => t ?? NaN);
    const by = turns.reason && model.state.by === "boundary" ? "step" : model.state.by;
    model.set({ turns, by });
  } catch (error) {
    if (error.name === "AbortError" || model.state.across !== across) return;
    model.set({ turnsTrouble: error.message, by: model.state.by === "boundary" ? "step" : model.state.by });
  }
}
