/** Heads by steps, coloured by what each attends to: the whole run at a glance. */

import { anyOf, createPlane, panelBody, stepAt, withInterval } from "./network_panel.mjs";
import { decimals, largest } from "./format.mjs";
import { devicePixels, evenCells, legendOf, paintCells, scaleOf, shader, shadesOf, timeCells } from "./heat.mjs";
import { element, select, setText } from "./elements.mjs";
import { createAbsence } from "./behaviour_absence.mjs";
import { createRows } from "./network_rows.mjs";

/** What each score is, how much of it there can be, and which measurement gives it. */
const SCORES = {
  previous: { name: "previous token", kind: "behaviour", unit: "mean attention, 0 to 1", words: "How much of its attention a head gives to the token before." },
  induction: { name: "prefix matching", kind: "behaviour", unit: "mean attention, 0 to 1", words: "How much attention a head gives, at a token’s second occurrence, to the token after its first: what an induction head does." },
  entropy: { name: "attention entropy", kind: "structure", unit: "nats", words: "How widely a head spreads its attention: 0 where it looks at one token only." },
  variability: { name: "attention variability", kind: "structure", unit: "relative distance from the mean pattern", words: "How much a head’s attention depends on the sample: 0 where its pattern is always the same." },
};

/** Build the panel and return its `update(model, changed)`. */
export function createScores(model, signal) {
  const family = model.payload.run.family;
  const options = Object.entries(SCORES).filter(([id]) => family === "language" || id !== "induction").map(([id, { name }]) => [id, name]);
  const menu = select({ class: "menu", "aria-label": "Colour heads by", onchange: (e) => model.set({ score: e.target.value }) }, options, model.state.score);
  const body = panelBody("scores", "Heads over training", menu);
  const canvas = element("canvas", { "aria-hidden": "true" });
  const plane = createPlane(model, signal, { label: "A score of every head over training", describe, draw }, canvas);
  let [curves, heads] = [[], []];
  const rows = createRows(headsAsComponents(model, () => heads), plane, canvas);
  const legend = element("div", { class: "legend-place" });
  const words = element("p", { class: "panel-words" });
  body.replaceChildren(element("div", { class: "time-row" }, rows.labels, plane.node), element("div", { class: "time-row" }, words, legend));
  const absence = createAbsence(model, body);

  function rebuild() {
    const score = SCORES[model.state.score];
    curves = model.payload.curves.filter((curve) => curve.component && curve.id.startsWith(`${model.state.score}@`));
    heads = curves.map((curve) => ({ name: curve.component, kind: "head" }));
    absence.say(curves.length ? null : { kind: score.kind });
    rows.rebuild();
    setText(words, score.words);
    const places = decimals(Math.max(0, ...curves.map((curve) => largest(curve.values))));
    for (const curve of curves) curve.places = places;
  }

  function draw() {
    const { width, height } = plane.size;
    if (!curves.length || !width) return;
    const scale = scaleOf(curves.flatMap((curve) => [...curve.values]), { low: 0 });
    const shade = shader(scale, shadesOf(scale));
    paintCells(canvas, timeCells(model.axis, devicePixels(width)), evenCells(curves.length, devicePixels(height)), (i, row) => shade(curves[rows.order[row]].values[i]));
    legend.replaceChildren(legendOf(scale, SCORES[model.state.score].unit));
  }

  function describe(index, share) {
    const curve = curves[rows.at(share)];
    if (!curve) return null;
    const value = withInterval(curve.values[index], curve.low[index], curve.high[index], curve.places);
    return { title: curve.component, rows: [[SCORES[model.state.score].name, value]], words: curve.settings, foot: stepAt(model, index) };
  }

  function update(_, changed) {
    const other = anyOf(changed, "payload", "score") || (!curves.length && anyOf(changed, "job", "obstacle"));
    if (other) rebuild();
    if (other || anyOf(changed, "axis", "zoom", "scheme")) draw();
    rows.paint();
    plane.paint();
  }
  return { update };
}

/** Return what the rows need of a model, with the heads in place of a graph's components. */
function headsAsComponents(model, heads) {
  return {
    get payload() {
      return { graphs: { heads: { components: heads() } } };
    },
    get state() {
      return { graph: "heads", component: model.state.component };
    },
    toggle: model.toggle,
  };
}
