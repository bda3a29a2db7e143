/** How much later heads read of what earlier ones write, at the step, against what chance gives. */

import { anyOf, hush, onSize, panelBody, stepAt, tell } from "./network_panel.mjs";
import { element, setAttribute, setClass, setText } from "./elements.mjs";
import { evenCells, legendOf, paintCells, scaleOf, shader, shadesOf } from "./heat.mjs";
import { createAbsence, isOtherAbsence, lackingDetails } from "./behaviour_absence.mjs";
import { rowAt } from "./behaviour_model.mjs";
import { layerName } from "./network_rows.mjs";
import { number } from "./format.mjs";

const KINDS = { k: "keys", q: "queries", v: "values" };
const PLACES = 3;
const ROOM = 15;
/** The names at the left, a cell and the whole matrix at most, in pixels. */
const [SIDE, CELL, WIDEST] = [52, 56, 400];
const NONE = "No head of this model can read what another writes: it has one layer of attention.";

/** Build the panel and return its `update(model, changed)`. */
export function createComposition(model, signal) {
  const buttons = Object.entries(KINDS).map(([kind, text]) => element("button", { type: "button", "data-kind": kind, text: kind.toUpperCase(), title: `the later head’s ${text}`, onclick: () => model.set({ composes: kind }) }));
  const fact = element("span");
  const body = panelBody("composition", "Composition", fact, element("span", { class: "segments", role: "group", "aria-label": "Composition" }, ...buttons));
  const parts = build(model, signal, () => shown);
  body.replaceChildren(parts.frame, parts.foot);
  const absence = createAbsence(model, body);
  let shown = null;
  onSize(parts.plane, signal, () => shown && drawFrame(parts, shown));

  function rebuild() {
    const { details } = model.state;
    const found = details?.composition;
    const why = lackingDetails(model, "composition", "structure");
    absence.say(why ?? (found && !found.pairs ? NONE : found && !found.kept ? `${number(found.pairs, 0)} pairs of heads are too many to keep them all.` : null));
    shown = found?.pairs && found.kept ? viewOf(found) : null;
    if (shown) recolour();
  }

  function recolour() {
    shown.scale = scaleOf(excess(shown, model.state.composes), { signed: true });
    shown.shade = shader(shown.scale, shadesOf(shown.scale));
    parts.legend.replaceChildren(legendOf(shown.scale, "composition − chance"));
    drawFrame(parts, shown);
    paint();
  }

  function paint() {
    for (const button of buttons) setAttribute(button, "aria-pressed", String(button.dataset.kind === model.state.composes));
    if (!shown) return;
    const { rows, columns, cell, found } = shown;
    const { index, composes, component } = model.state;
    const values = rowAt(found[composes], index);
    const chance = chanceAt(found, index, composes);
    paintCells(parts.canvas, evenCells(columns.length, columns.length), evenCells(rows.length, rows.length), (c, r) => {
      const pair = cell[r * columns.length + c];
      return pair < 0 ? 0 : shown.shade(values[pair] - chance);
    });
    setText(fact, Number.isFinite(chance) ? strongest(shown, values, chance) : "not measured at this step");
    mark(parts.row, rows.indexOf(component), rows.length, "top", "height");
    mark(parts.column, columns.indexOf(component), columns.length, "left", "width");
    for (const label of parts.frame.querySelectorAll("[data-component]")) setClass(label, "selected", label.dataset.component === component);
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "details") || (!shown && isOtherAbsence(changed))) rebuild();
    else if (shown && anyOf(changed, "composes", "scheme")) recolour();
    else paint();
  }
  return { update };
}

/** Return rows of heads that write, columns of heads that read, and the pair of each cell, -1 for none. */
function viewOf(found) {
  const pairs = Array.from({ length: found.pairs }, (_, e) => [found.ends[2 * e], found.ends[2 * e + 1]]);
  const side = (k) => [...new Set(pairs.map((pair) => pair[k]))].sort((a, b) => a - b);
  const [writers, readers] = [side(0), side(1)];
  const cell = new Int32Array(writers.length * readers.length).fill(-1);
  pairs.forEach(([from, to], e) => (cell[writers.indexOf(from) * readers.length + readers.indexOf(to)] = e));
  return { found, rows: writers.map((h) => found.heads[h]), columns: readers.map((h) => found.heads[h]), cell };
}

function chanceAt(found, index, kind) {
  return rowAt(found.chance, index)["qkv".indexOf(kind)];
}

/** Return all compositions of a kind over the run less their chance: the scale belongs to the run. */
function excess({ found }, kind) {
  return found[kind].map((v, i) => v - chanceAt(found, Math.floor(i / found.pairs), kind));
}

/** Return the pair that composes most, in words. */
function strongest({ rows, columns, cell }, values, chance) {
  let best = -1;
  cell.forEach((pair, at) => {
    if (pair >= 0 && Number.isFinite(values[pair]) && (best < 0 || values[pair] > values[cell[best]])) best = at;
  });
  if (best < 0) return "not measured at this step";
  const [row, column] = [Math.floor(best / columns.length), best % columns.length];
  return `most: ${rows[row]} → ${columns[column]}, ${number(values[cell[best]] / chance, 1)} × chance`;
}

function mark(node, place, count, side, size) {
  node.hidden = place < 0;
  node.style[side] = `${(100 * place) / count}%`;
  node.style[size] = `${100 / count}%`;
}

function build(model, signal, current) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const [row, column] = [element("i", { class: "matrix-mark", hidden: true }), element("i", { class: "matrix-mark column", hidden: true })];
  const lines = element("div", { class: "matrix-lines" });
  const plane = element("div", { class: "matrix-plane", role: "img", "aria-label": "Composition of pairs of heads: rows write, columns read" }, canvas, lines, row, column);
  const [left, top] = [element("div", { class: "matrix-left" }), element("div", { class: "matrix-top" })];
  const frame = element("div", { class: "matrix-frame" }, element("span", { class: "matrix-corner" }, "writes ↓", element("br"), "reads →"), top, left, plane);
  const legend = element("div", { class: "legend-place" });
  const apart = element("span", { class: "key" }, element("i", { class: "swatch none" }), element("span", { text: "not a later layer" }));
  const foot = element("div", { class: "matrix-foot" }, legend, apart);
  const place = (event) => {
    const box = plane.getBoundingClientRect();
    const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    return [at((event.clientY - box.top) / box.height, current().rows.length), at((event.clientX - box.left) / box.width, current().columns.length)];
  };
  plane.addEventListener("pointermove", (event) => current() && tell(model, event, describe(model, current(), ...place(event))), { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  plane.addEventListener("click", (event) => current() && model.toggle(current().rows[place(event)[0]]), { signal });
  const choose = (event) => event.target.closest("[data-component]") && model.toggle(event.target.closest("[data-component]").dataset.component);
  for (const side of [left, top]) side.addEventListener("click", choose, { signal });
  return { canvas, lines, row, column, plane, left, top, frame, legend, foot, apart };
}

function describe(model, { rows, columns, cell, found }, row, column) {
  const pair = cell[row * columns.length + column];
  const { index } = model.state;
  const told = { title: `${rows[row]} → ${columns[column]}`, rows: [], foot: stepAt(model, index) };
  if (pair < 0) return { ...told, words: "A head reads only what earlier layers write." };
  const line = (kind) => {
    const [value, chance] = [rowAt(found[kind], index)[pair], chanceAt(found, index, kind)];
    return [`${kind.toUpperCase()}, ${KINDS[kind]}`, Number.isFinite(value) ? `${number(value, PLACES)} (chance ${number(chance, PLACES)})` : "not measured"];
  };
  return { ...told, rows: Object.keys(KINDS).map(line) };
}

/** Names along two sides, where they have room, and lines between layers. */
function drawFrame({ left, top, plane, lines, frame, apart }, { rows, columns, cell }) {
  frame.style.maxWidth = `${SIDE + Math.min(WIDEST, CELL * columns.length)}px`;
  apart.hidden = !cell.includes(-1);
  plane.style.aspectRatio = `${columns.length} / ${rows.length}`;
  const roomy = Math.min(plane.clientWidth / columns.length, plane.clientHeight / rows.length) >= ROOM;
  const [tops, lefts] = [startsOf(rows), startsOf(columns)];
  left.replaceChildren(...labelsOf(rows, tops, "top", roomy));
  top.replaceChildren(...labelsOf(columns, lefts, "left", roomy));
  const line = (way, at, share) => {
    const node = element("i", { class: way });
    node.style[at] = `${100 * share}%`;
    return node;
  };
  lines.replaceChildren(...tops.slice(1).map((k) => line("across", "top", k / rows.length)), ...lefts.slice(1).map((k) => line("down", "left", k / columns.length)));
}

/** Return where each layer begins. */
function startsOf(names) {
  return [...names.keys()].filter((k) => k === 0 || layerName(names[k]) !== layerName(names[k - 1]));
}

function labelsOf(names, starts, at, roomy) {
  const labelled = roomy ? names.map((name, k) => [element("button", { type: "button", "data-component": name, text: name }), k + 0.5]) : starts.map((k) => [element("span", { text: layerName(names[k]) }), k]);
  return labelled.map(([node, k]) => {
    node.style[at] = `${(100 * k) / names.length}%`;
    return node;
  });
}
