/** The weights of every layer norm at the step: their mean and spread, their size, how many are small. */

import { anyOf, panelBody } from "./network_panel.mjs";
import { decimals, largest, number } from "./format.mjs";
import { element, setAttribute, setText } from "./elements.mjs";
import { createAbsence, isOtherAbsence, lackingDetails } from "./behaviour_absence.mjs";
import { rowAt } from "./behaviour_model.mjs";

const COLUMNS = ["norm", "mean ± standard deviation of its weights", "size", "small"];

/** Build the panel and return its `update(model, changed)`. */
export function createNorms(model) {
  const fact = element("span", { text: "size: Euclidean norm · small: share below 0.1" });
  const body = panelBody("norms", "Layer norms", fact);
  const table = element("div", { class: "norm-table", role: "table", "aria-label": "Weights of the layer norms at the step" });
  body.replaceChildren(table);
  const absence = createAbsence(model, body);
  let [found, rows, axis, places] = [null, [], [0, 1], { mean: 2, size: 2 }];

  function rebuild() {
    absence.say(lackingDetails(model, "norms", "structure"));
    found = model.state.details?.norms ?? null;
    if (!found) return;
    axis = rangeOver(found);
    places = { mean: decimals(Math.max(...axis.map(Math.abs))), size: decimals(largest(found.size)) };
    rows = found.names.map(normRow);
    const ends = element("span", { class: "norm-ends" }, ...axis.map((v) => element("span", { text: number(v, v ? places.mean : 0) })));
    const head = element("div", { class: "norm-row norm-titles", role: "row" }, ...COLUMNS.map((text, k) => element("span", { role: "columnheader" }, text, ...(k === 1 ? [ends] : []))));
    table.replaceChildren(head, ...rows.map((row) => row.node));
    paint();
  }

  function paint() {
    if (!found) return;
    const { index } = model.state;
    const [mean, spread, size, small] = ["mean", "spread", "size", "small"].map((name) => rowAt(found[name], index));
    rows.forEach((row, k) => row.paint(axis, places, mean[k], spread[k], size[k], small[k]));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "details") || (!found && isOtherAbsence(changed))) rebuild();
    else if (changed.has("index")) paint();
  }
  return { update };
}

function normRow(name) {
  const [bar, dot, one] = [element("i", { class: "norm-bar" }), element("i", { class: "norm-dot" }), element("i", { class: "norm-one" })];
  const plane = element("span", { class: "norm-plane", role: "cell" }, one, bar, dot);
  const [size, small] = [element("span", { class: "norm-number", role: "cell" }), element("span", { class: "norm-number", role: "cell" })];
  const node = element("div", { class: "norm-row", role: "row", "data-norm": name }, element("span", { class: "norm-name", role: "rowheader", text: name, title: name }), plane, size, small);
  function paint([low, high], places, mean, spread, length, share) {
    const at = (v) => `${(100 * Math.min(1, Math.max(0, (v - low) / (high - low)))).toFixed(2)}%`;
    const known = Number.isFinite(mean);
    for (const mark of [bar, dot]) mark.style.display = known ? "" : "none";
    one.style.left = at(1);
    if (known) {
      dot.style.left = at(mean);
      bar.style.left = at(mean - spread);
      bar.style.right = `calc(100% - ${at(mean + spread)})`;
    }
    const words = known ? `${number(mean, places.mean)} ± ${number(spread, places.mean)}` : "not measured at this step";
    setAttribute(plane, "aria-label", words);
    setAttribute(plane, "title", words);
    setText(size, number(length, places.size));
    setText(small, known ? `${number(100 * share, 0)} %` : "–");
  }
  return { node, paint };
}

/** Return the ends of the axis of weights over the whole run, 0 and 1 inside of them. */
function rangeOver({ mean, spread }) {
  let [low, high] = [0, 1];
  mean.forEach((v, i) => {
    if (Number.isFinite(v)) [low, high] = [Math.min(low, v - spread[i]), Math.max(high, v + spread[i])];
  });
  return [low, high];
}
