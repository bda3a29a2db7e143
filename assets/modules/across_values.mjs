/** The values of every run at the step as a table, and in words for those who listen. */

import { anyOf, panelBody, stepAt } from "./network_panel.mjs";
import { bandAt, besideText, differenceAt, letter, valueAt } from "./across_lines.mjs";
import { besideOf, shownCurves } from "./across_model.mjs";
import { element, setText } from "./elements.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createValues(model) {
  const body = panelBody("across-values", "Values at this step");
  const panel = body.closest(".panel");
  let cells = [];
  let heads = [];

  function rebuild() {
    const { across } = model.state;
    const curves = across ? shownCurves(model) : [];
    panel.hidden = !curves.length;
    heads = columnsOf(across).map((text) => element("th", { scope: "col", text }));
    cells = curves.map((curve) => ({ curve, nodes: heads.map(() => element("td")) }));
    const rows = cells.map(({ curve, nodes }) => element("tr", { "data-curve": curve.id }, element("th", { scope: "row" }, curve.name, element("small", { text: curve.unit })), ...nodes));
    const table = element("table", { class: "across-table" }, element("thead", {}, element("tr", {}, element("th", { scope: "col", text: "curve" }), ...heads)), element("tbody", {}, ...rows));
    table.style.setProperty("--columns", heads.length + 1);
    body.replaceChildren(element("div", { class: "across-scroll", tabindex: 0, role: "region", "aria-label": "Values at this step" }, table));
  }

  function update(_, changed) {
    if (anyOf(changed, "across", "lanes", "graph")) rebuild();
    if (!cells.length) return;
    if (model.state.across.mode === "pair") setText(heads[1], `${columnsOf(model.state.across)[1]}, ${besideText(model)}`);
    for (const { curve, nodes } of cells) valuesOf(model, curve).forEach((text, i) => setText(nodes[i], text));
  }
  return { update };
}

/** Return what the columns of the table are called. */
function columnsOf(across) {
  if (!across) return [];
  const runs = across.runs.map(({ name }, k) => `${letter(k)} ${name}`);
  return across.mode === "pair" ? [...runs, "B − A, 95 %"] : ["mean", "95 % of the mean", "least to most", "runs", ...runs];
}

function valuesOf(model, curve) {
  const { across, index } = model.state;
  const said = ({ value, error, verdict }) => [value, error, verdict && `(${verdict})`].filter(Boolean).join(" ");
  if (across.mode === "pair") {
    const { value, error } = differenceAt(model, curve);
    return [said(valueAt(curve, 0, index)), said(valueAt(curve, 1, besideOf(model))), [value, error].filter(Boolean).join(" ") || "–"];
  }
  const step = model.payload.steps[index];
  const found = bandAt(model, curve);
  const own = across.runs.map(({ steps }, k) => said(valueAt(curve, k, steps.indexOf(step))) + (curve.runs[k] && !curve.alike[k] ? " (not in the mean)" : ""));
  return [found.mean, found.interval || "–", found.range || "–", found.runs, ...own];
}

/** Return the step, and what the first curve of each run is there, in words. */
export function summary(model) {
  const { across, index } = model.state;
  const at = `${stepAt(model, index)}.`;
  const curve = across && shownCurves(model)[0];
  if (!curve) return at;
  const values = valuesOf(model, curve);
  if (across.mode === "recipe") return `${at} ${curve.name}: mean ${values[0]}, 95 % ${values[1]}, ${values[3]}.`;
  return `${at} ${curve.name}: A ${values[0]}; B at ${besideText(model)}: ${values[1]}.`;
}
