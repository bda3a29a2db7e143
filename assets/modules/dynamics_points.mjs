/** The same in numbers: where each run stands at the step, how far off the drawings, and how far from each reference. */

import { LETTERS, OVER_TIME, axesOf, beyond, indexAt, pairOf, placesOf, referenceOf } from "./dynamics_model.mjs";
import { number, step as formatStep } from "./format.mjs";
import { element, setText } from "./elements.mjs";
import { anyOf, panelBody } from "./network_panel.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createPoints(model) {
  const setting = element("span", { class: "panel-settings" });
  const body = panelBody("points", "Places and distances", setting);
  let rows = [];

  function rebuild() {
    const { ways, facts } = model.state;
    rows = [];
    if (!ways) return body.replaceChildren();
    const axes = Math.min(OVER_TIME, axesOf(ways));
    const titles = ["", "step", ...Array.from({ length: axes }, (_, k) => `PC${k + 1}`), `off PC${pairOf(model).map((k) => k + 1).join(" and PC")}`, ...ways.references.map((name) => `from ${name}`), "speed"];
    rows = ways.runs.map((run, r) => ({ run, cells: titles.slice(1).map(() => element("td")), name: ways.runs.length > 1 ? `${LETTERS[r]} ${run.name}` : run.name }));
    const head = element("thead", {}, element("tr", {}, ...titles.map((text) => element("th", { scope: "col", text }))));
    const bodies = element("tbody", {}, ...rows.map(({ name, cells }) => element("tr", {}, element("th", { scope: "row", text: name }), ...cells)));
    const places = placesOf(ways);
    const pair = pairOf(model);
    const fixed = element("tbody", { class: "points-references" }, ...ways.references.map((name, r) => element("tr", {}, element("th", { scope: "row", text: name }), element("td", { text: "reference" }),
      ...referenceOf(ways, r, Array.from({ length: axes }, (_, k) => k)).map((v) => element("td", { text: number(v, places) })),
      element("td", { text: number(beyond(ways.referenceScores, r, ways.referenceLeft[r], pair), places) }), ...ways.references.map(() => element("td")), element("td"))));
    setText(setting, `${facts.setting} · ${ways.unit}`);
    return body.replaceChildren(element("div", { class: "points-scroll", tabindex: 0, role: "region", "aria-label": "Places and distances, as a table" }, element("table", { class: "points-table" }, head, bodies, fixed)));
  }

  function paint() {
    const { ways } = model.state;
    if (!ways) return;
    const places = placesOf(ways);
    const pair = pairOf(model);
    for (const { run, cells } of rows) {
      const i = indexAt(model, run);
      valuesOf(ways, run, i, pair, cells.length, places).forEach((text, k) => setText(cells[k], text));
    }
  }

  function update(_, changed) {
    if (anyOf(changed, "ways", "pcs", "facts")) rebuild();
    paint();
  }
  return { update };
}

/** Return the texts of a run's row; dashes where nothing is measured. */
function valuesOf(ways, run, i, pair, count, places) {
  if (i < 0) return Array.from({ length: count }, () => "–");
  const width = run.scores.shape[1];
  const axes = Math.min(OVER_TIME, axesOf(ways));
  const references = ways.references.length;
  const numbers = [
    ...run.scores.subarray(i * width, i * width + axes), beyond(run.scores, i, run.left[i], pair),
    ...run.distances.subarray(i * references, (i + 1) * references), run.speed[i],
  ];
  return [formatStep(run.steps[i]), ...numbers.map((v) => number(v, places))];
}
