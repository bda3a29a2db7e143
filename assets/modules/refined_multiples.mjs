/** Small multiples: a curve for each part, layer by layer as in the model, or kind by kind. */

import { element, setAttribute, setClass, setText } from "./elements.mjs";
import { anyOf, panelBody } from "./network_panel.mjs";
import { clustersOf, curvesOf } from "./refined_model.mjs";
import { believed } from "./refined_marks.mjs";
import { createBands } from "./stage_bands.mjs";
import { createCell } from "./refined_cell.mjs";
import { decimals, largest, number } from "./format.mjs";
import { isOpen } from "./coverage.mjs";
import { kindNamed, kindOfPart } from "./refined_kinds.mjs";
import { parse } from "./places.mjs";
import { rangeOf } from "./component_values.mjs";
import { stepText } from "./page_model.mjs";
import { verdictLegend } from "./verdicts.mjs";

const MOST_COLUMNS = 8;
const FEWEST_COLUMNS = 4;

/** Build the panel and return its `update(model, changed)`. */
export function createMultiples(model, signal) {
  const facts = { common: element("span"), count: element("span"), measure: element("button", { type: "button", class: "text-button strong", onclick: () => model.measure([model.payload.steps[model.state.index]]) }) };
  const body = panelBody("parts", "Refined LLC of every part", facts.measure, facts.common, facts.count);
  const legend = element("div", { class: "refined-legend" });
  let [cells, measured, width] = [[], [], 0];

  const sizes = new ResizeObserver(() => {
    const wide = cells[0]?.plane.clientWidth ?? 0;
    if (wide && wide !== width) redraw();
  });
  sizes.observe(body);
  signal.addEventListener("abort", () => sizes.disconnect());

  function rebuild() {
    const curves = curvesOf(model);
    const places = decimals(Math.max(0, ...curves.map((curve) => largest(curve.values))));
    for (const curve of curves) curve.places = places;
    cells = curves.map((curve) => createCell(curve, model));
    for (const cell of cells) cell.plane.prepend(createBands(model));
    measured = model.payload.steps.map((_, i) => curves.some((curve) => curve.verdicts[i]));
    legend.replaceChildren(...[verdictLegend(allOf(curves))].filter(Boolean));
  }

  function arrange() {
    const groups = model.state.arrange === "shapes" && clustersOf(model)?.k > 1 ? byKind(cells, clustersOf(model)) : byLayer(cells);
    const most = Math.max(FEWEST_COLUMNS, ...byLayer(cells).map((group) => group.cells.length));
    body.style.setProperty("--columns", Math.min(MOST_COLUMNS, most));
    body.replaceChildren(...(cells.length ? [...groups.map(groupNode), legend] : [emptyState(model)]));
    for (const cell of cells) cell.badge(kindOfPart(clustersOf(model), cell.curve.component));
  }

  function redraw() {
    width = cells[0]?.plane.clientWidth ?? 0;
    if (!width) return;
    const one = model.state.scale === "common" ? commonRange(cells) : null;
    for (const cell of cells) cell.draw(one ?? rangeOf(believed(cell.curve)) ?? [0, 1], width);
    setClass(body, "one-scale", Boolean(one));
    const places = one ? decimals(Math.max(...one.map(Math.abs))) : 0;
    setText(facts.common, one ? `each from ${number(one[0], one[0] ? places : 0)} to ${number(one[1], places)}` : "each on its own scale");
  }

  function paint() {
    const fraction = model.axis.fraction(model.state.index);
    const inside = fraction >= -0.001 && fraction <= 1.001;
    body.style.setProperty("--at", `${(100 * fraction).toFixed(3)}%`);
    setClass(body, "outside", !inside);
    for (const cell of cells) cell.paint(width, inside);
    paintFacts();
  }

  function paintFacts() {
    const { payload, state } = model;
    setText(facts.count, cells.length ? `measured at ${measured.filter(Boolean).length} of ${payload.steps.length} checkpoints` : "");
    facts.common.hidden = !cells.length;
    const standard = cells[0]?.curve.settings.startsWith("heads on training data");
    facts.measure.hidden = !cells.length || !standard || Boolean(model.obstacle);
    facts.measure.style.visibility = measured[state.index] ? "hidden" : "";
    facts.measure.disabled = isOpen(model.job);
    setText(facts.measure, isOpen(model.job) ? "waiting" : "measure this checkpoint");
    setAttribute(facts.measure, "aria-label", `Measure step ${stepText(model)}`);
  }

  function update(_, changed) {
    const other = anyOf(changed, "payload", "refined");
    if (other) rebuild();
    if (other || anyOf(changed, "clusters", "arrange") || (!cells.length && anyOf(changed, "job", "obstacle"))) arrange();
    if (other || anyOf(changed, "clusters", "arrange", "axis", "zoom", "scale")) redraw();
    paint();
  }
  return { update };
}

/** Return all curves as one, for the legend of verdicts that counts them; what diverged has no value but counts too. */
function allOf(curves) {
  const verdicts = curves.flatMap((curve) => curve.verdicts);
  return { verdicts, values: verdicts.map((verdict) => (verdict ? 0 : NaN)) };
}

function commonRange(cells) {
  const shown = cells.map((cell) => believed(cell.curve));
  const joined = (name) => shown.flatMap((curve) => [...curve[name]]);
  return rangeOf({ values: joined("values"), low: joined("low"), high: joined("high") }) ?? [0, 1];
}

/** As in the graph: the last layer on top; parts of no layer, or one of each layer, are one group. */
function byLayer(cells) {
  const layers = [...new Set(cells.map((cell) => parse(cell.curve.component).layer))].sort((a, b) => b - a);
  if (layers.length === cells.length || layers.length < 2) return [{ label: "", cells }];
  return layers.map((layer) => ({ label: `layer ${layer}`, cells: cells.filter((cell) => parse(cell.curve.component).layer === layer) }));
}

function byKind(cells, clusters) {
  const of = (cell) => kindOfPart(clusters, cell.curve.component)?.label ?? -1;
  const groups = Array.from({ length: clusters.k }, (_, k) => ({ label: `kind ${kindNamed(k).letter}`, cells: cells.filter((cell) => of(cell) === k) }));
  const rest = cells.filter((cell) => of(cell) < 0);
  return rest.length ? [...groups, { label: "none", cells: rest }] : groups;
}

function groupNode({ label, cells }) {
  return element("section", { class: label ? "refined-group" : "refined-group plain" }, ...(label ? [element("h3", { text: label })] : []), element("div", { class: "refined-row" }, ...cells.map((cell) => cell.node)));
}

/** What stands on the page of a run without refined LLCs: what they are, and how to get them. */
function emptyState(model) {
  const open = isOpen(model.job);
  const button = (text, act, strong) => element("button", { type: "button", class: strong ? "action" : "text-button", text, disabled: open, onclick: act });
  const offer = model.obstacle
    ? [element("p", { text: model.obstacle })]
    : open
      ? [element("p", { text: "A job for this run waits or is under way; curves appear here when it is done." })]
      : [element("p", { class: "refined-offer" }, button("Measure this checkpoint", () => model.measure([model.payload.steps[model.state.index]]), true), button("every checkpoint", () => model.measure(null)))];
  return element("div", { class: "refined-empty" },
    element("p", {}, element("strong", { text: "No refined LLC is measured yet." })),
    element("p", { text: "A refined LLC is a local learning coefficient of one part of the model: only that part’s weights move, and all else stays as it is. It shows which heads develop alike, and when they part (Wang et al. 2024). It costs as much as an LLC for every part, so it is measured when somebody asks for it." }),
    ...offer,
    element("p", {}, "In a terminal: ", element("code", { text: `ontogeny compute ${model.run} --kinds refined` })));
}
