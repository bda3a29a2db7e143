/** Communities over training: which components stand together, matched from step to step. */

import { anyOf, createPlane, createReason, lacking, panelBody, stepAt } from "./network_panel.mjs";
import { devicePixels, evenCells, packed, paintCells, timeCells, tokens } from "./heat.mjs";
import { element, setText } from "./elements.mjs";
import { number } from "./format.mjs";
import { createRows } from "./network_rows.mjs";

const COLOURS = 8;

/** Build the panel and return its `update(model, changed)`. */
export function createCommunities(model, signal) {
  const fact = element("span");
  const body = panelBody("communities", "Communities over training", fact);
  const canvas = element("canvas", { "aria-hidden": "true" });
  const plane = createPlane(model, signal, { label: "The community of every component over training", describe, draw }, canvas);
  const rows = createRows(model, plane, canvas);
  const legend = element("div", { class: "legend-place swatches" });
  const words = element("p", { class: "panel-words", text: "Louvain’s method at each step on its own; a colour follows the community that shares most components with it." });
  body.replaceChildren(element("div", { class: "time-row" }, rows.labels, plane.node), element("div", { class: "time-row" }, words, legend));
  const reason = createReason(body);

  const labels = () => model.state.structure?.communities;
  const countOf = () => model.payload.graphs[model.state.graph]?.components.length ?? 0;

  function draw() {
    const found = labels();
    const { width, height } = plane.size;
    if (!found || !width) return;
    const n = countOf();
    const known = 1 + found.reduce((most, label) => Math.max(most, label), -1);
    const names = ["line", ...Array.from({ length: COLOURS }, (_, k) => `community-${k + 1}`), "ink3"];
    const shades = tokens(...names).map(packed);
    const shade = (i, row) => shades[colourOf(found[i * n + rows.order[row]])];
    const unmeasured = (i) => found.subarray(i * n, (i + 1) * n).every((label) => label < 0);
    const gaps = model.payload.steps.map((_, i) => unmeasured(i));
    paintCells(canvas, timeCells(model.axis, devicePixels(width)), evenCells(n, devicePixels(height)), (i, row) => (gaps[i] ? 0 : shade(i, row)));
    legend.replaceChildren(...swatches(known));
  }

  function describe(index, share) {
    const found = labels();
    const c = rows.at(share);
    if (!found || c < 0) return null;
    const n = countOf();
    const label = found[index * n + c];
    const mates = label < 0 ? [] : model.payload.graphs[model.state.graph].components.filter((_, k) => k !== c && found[index * n + k] === label).map((x) => x.name);
    return {
      title: model.payload.graphs[model.state.graph].components[c].name,
      rows: [["community", label < 0 ? "none" : String(label + 1)]],
      words: mates.length ? `With ${mates.slice(0, 12).join(", ")}${mates.length > 12 ? ` and ${number(mates.length - 12, 0)} more` : ""}.` : "",
      foot: stepAt(model, index),
    };
  }

  function paintFact() {
    const found = labels();
    const n = countOf();
    const here = found ? new Set(found.subarray(model.state.index * n, (model.state.index + 1) * n).filter((label) => label >= 0)) : new Set();
    setText(fact, found ? (here.size ? `${here.size} here` : "not measured here") : "");
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "compact")) rows.rebuild();
    if (anyOf(changed, "payload", "graph", "structure")) reason.say(lacking(model, "communities"));
    if (anyOf(changed, "payload", "graph", "structure", "axis", "zoom", "scheme")) draw();
    paintFact();
    rows.paint();
    plane.paint();
  }
  return { update };
}

/** Return which colour a community has: 0 for none, then one each, the last for all others. */
function colourOf(label) {
  return label < 0 ? 0 : Math.min(label, COLOURS) + 1;
}

function swatches(known) {
  const shown = Array.from({ length: Math.min(known, COLOURS) }, (_, k) => [`community-${k + 1}`, String(k + 1)]);
  if (known > COLOURS) shown.push(["ink3", `${COLOURS + 1} to ${known}: see each`]);
  shown.push(["line", "no edge"]);
  return shown.map(([token, text]) => {
    const box = element("i", { class: "swatch" });
    box.style.background = `var(--${token})`;
    return element("span", { class: "key" }, box, element("span", { text }));
  });
}
