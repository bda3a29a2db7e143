/** What Compare says at two steps as tables: a row for each component, or for each edge. */

import { rowsOf } from "./compare_values.mjs";

const PLACE = ["run_a", "step_a", "run_b", "step_b", "graph"];
const VALUES = ["value", "low", "high"];
const RANKED = [...VALUES, "rank"];

/** Return the table of components by the chosen metric: both sides, the change and the places it rose, with 95 % intervals. */
export function ranksTable(model) {
  const sides = ["a", "b"].flatMap((side) => RANKED.map((name) => (name === "value" ? side : `${name}_${side}`)));
  const head = [...PLACE, "metric", "component", "kind", ...sides, "change", "change_low", "change_high", "places", "places_low", "places_high", "same_prompts"];
  const [place, { metric }] = [placeOf(model), model.state];
  const rows = rowsOf(model).map((row) => [
    ...place, metric, row.name, row.kind,
    ...[row.a, row.b].flatMap((side) => RANKED.map((name) => known(side?.[name]))),
    ...[row.change, row.moved].flatMap((side) => VALUES.map((name) => known(side?.[name]))),
    Number(row.paired),
  ]);
  return { name: nameOf(place, metric), rows: [head, ...rows] };
}

/** Return the table of edges: weights of both sides and the change with half its 95 % interval; `at_least` is 1 where one side keeps no such edge. */
export function edgesTable(model) {
  const head = [...PLACE, "source", "target", "weight_a", "weight_b", "change", "half_interval", "at_least"];
  const place = placeOf(model);
  const { match, changes } = model.pair() ?? {};
  const rows = Array.from(changes?.from ?? [], (from, e) => [
    ...place, match.components[from].name, match.components[changes.to[e]].name,
    ...["a", "b", "change", "half"].map((name) => known(changes[name][e])), changes.bound?.[e] ?? 0,
  ]);
  return { name: nameOf(place, "edges"), rows: [head, ...rows] };
}

function known(value) {
  return Number.isFinite(value) ? value : "";
}

function placeOf({ run, payload, state }) {
  return [run, payload.steps[state.index], state.other || run, state.beside?.steps[state.against], state.graph];
}

function nameOf(place, what) {
  return `${[...place, what].join("-")}.csv`;
}
