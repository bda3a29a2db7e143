/** What the Dynamics page says of a step: its place, how far it lies off, and its distances. */

import { LETTERS, beyond, pairOf, placeOf, placesOf } from "./dynamics_model.mjs";
import { stepAt } from "./network_panel.mjs";
import { number, step as formatStep } from "./format.mjs";

/** Return the place of the slider's checkpoint and its distance to each reference in a line; "" while nothing is here. */
export function summary(model) {
  const { ways, index } = model.state;
  if (!ways) return "";
  const run = ways.runs[0];
  const pair = pairOf(model);
  const at = placeOf(run, index, pair);
  if (!at) return "The outputs are not measured at this step.";
  const places = placesOf(ways);
  const coordinates = pair.map((k, j) => `PC${k + 1} ${number(at[j], places)}`).join(", ");
  const off = number(beyond(run.scores, index, run.left[index], pair), places);
  const count = ways.references.length;
  const from = ways.references.map((name, r) => `${name} ${number(run.distances[index * count + r], places)}`).join(", ");
  return `${coordinates}, ${off} off this plane · from ${from} ${ways.unit}`;
}

/** Return what to tell of a checkpoint of one of the runs. */
export function describe(model, r, index) {
  const { ways } = model.state;
  const run = ways.runs[r];
  const places = placesOf(ways);
  const count = ways.references.length;
  const all = run.scores.subarray(index * run.scores.shape[1], (index + 1) * run.scores.shape[1]);
  const rows = [...all].slice(0, Math.max(3, ...pairOf(model).map((k) => k + 1))).map((v, k) => [`PC${k + 1}`, number(v, places)]);
  rows.push(["off the plane", number(beyond(run.scores, index, run.left[index], pairOf(model)), places)]);
  ways.references.forEach((name, k) => rows.push([`from ${name}`, number(run.distances[index * count + k], places)]));
  return r ? { title: `${LETTERS[r]} ${run.name}, step ${formatStep(run.steps[index])}`, rows, foot: `${ways.unit} · click: the nearest step of this run` } : { title: stepAt(model, index), rows, foot: `${ways.unit} · click: go there` };
}
