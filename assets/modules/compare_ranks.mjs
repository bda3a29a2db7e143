/** Difference of ranks: every component's value and rank at A and at B, with intervals of both changes. */

import { anyOf, panelBody } from "./network_panel.mjs";
import { decimals, largest, number } from "./format.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { intervalText, rankText, signed } from "./compare_text.mjs";
import { metricOf, rowsOf } from "./compare_values.mjs";
import { offerTable } from "./saving.mjs";
import { rankAll } from "./ranking.mjs";
import { ranksTable } from "./compare_files.mjs";
import { whyUnpaired } from "./compare_model.mjs";

const WIDTH = 120;
const COLUMNS = [
  { id: "name", text: "component", key: (row) => row.name },
  { id: "a", text: "A", key: (row) => -(row.a?.value ?? -Infinity) },
  { id: "b", text: "B", key: (row) => -(row.b?.value ?? -Infinity) },
  { id: "change", text: "B − A", key: (row) => -(row.change?.value ?? -Infinity) },
  { id: "size", text: "95 %", key: (row) => -Math.abs(row.change?.value ?? -1), title: "Sort by the size of the change" },
  { id: "ranks", text: "rank A → B", key: (row) => row.b?.rank || Infinity, title: "Equal values share the mean of their ranks" },
  { id: "moved", text: "places", key: (row) => -(row.moved?.value ?? -Infinity), title: "By how many places it rose, and the 95 % interval of that" },
];

/** Build the panel and return its `update(model, changed)`. */
export function createRanks(model) {
  const filter = element("input", { type: "search", class: "compare-filter", placeholder: "filter", "aria-label": "Filter components", oninput: (e) => model.set({ filter: e.target.value }) });
  const body = panelBody("compare-ranks", "Difference of ranks", filter);
  const step = document.getElementById("compare-ranks-head").querySelector(".panel-step");
  step.removeAttribute("data-step");
  const heads = COLUMNS.map((column) => element("th", { scope: "col", class: column.id }, element("button", { type: "button", class: "text-button", text: column.text, title: column.title ?? `Sort by ${column.text}`, onclick: () => model.set({ sort: column.id }) })));
  const rows = element("tbody");
  const method = element("p", { class: "panel-words" });
  const empty = element("p", { class: "quiet", hidden: true });
  body.replaceChildren(element("div", { class: "compare-scroll", tabindex: 0, role: "region", "aria-label": "Difference of ranks" }, element("table", { class: "compare-table" }, element("thead", {}, element("tr", {}, ...heads)), rows)), empty, method);
  offerTable(body, () => ranksTable(model));
  let built = [];

  function update(_, changed) {
    const { state } = model;
    const found = rowsOf(model);
    const pair = model.pair();
    const metric = metricOf(pair?.a, state);
    setText(step, metric ? `by ${metric.name}` : "");
    if (anyOf(changed, "payload", "beside", "graph", "metric") || built.length !== found.length) {
      built = found.map((row) => buildRow(row, model));
      rows.replaceChildren(...built.map((row) => row.node));
    }
    const scale = scaleOf(found, metric, pair);
    found.forEach((row, i) => paintRow(built[i], row, scale, state));
    order(rows, built, found, state);
    heads.forEach((head, i) => setAttribute(head, "aria-sort", COLUMNS[i].id === state.sort ? (i ? "descending" : "ascending") : "none"));
    empty.hidden = found.length > 0;
    setText(empty, found.length ? "" : "There is no metric on both sides to compare.");
    setText(method, found.length ? methodWords(state.prompts.metric, found) : "");
  }
  return { update };
}

function methodWords(sides, found) {
  const why = whyUnpaired(sides);
  const alone = found.filter((row) => !row.a || !row.b).length;
  const told = why
    ? `Intervals: both sides’ own 95 % intervals, combined as independent errors. ${why}`
    : "Intervals: 95 %, from 200 resamples of the prompts, the same ones at A and at B, so that what a prompt adds to both cancels.";
  const single = why ? 0 : found.filter((row) => Number.isFinite(row.change?.value) && !row.paired).length;
  const loose = single ? ` ${number(single, 0)} components have no value in some resample: of these, both sides’ own intervals are combined as independent errors.` : "";
  const counts = ["a", "b"].map((side) => found.filter((row) => row[side]).length);
  const uneven = alone ? ` ${number(alone, 0)} components have no partner of the same name, and ranks are among ${number(counts[0], 0)} components at A and ${number(counts[1], 0)} at B.` : "";
  return `${told}${loose}${uneven} Filled: the interval leaves out 0.`;
}

/** The axis of changes belongs to both runs and the metric: as far as the largest value of either, by the root if few dwarf the rest. */
function scaleOf(found, metric, pair) {
  if (!metric) return { reach: 1, places: 2 };
  const other = metricOf(pair.b, { metric: metric.id });
  const top = Math.max(...[metric, other].map((m) => (m ? (m.largest ??= largest(m.values)) : 0)));
  const { range } = rankAll(metric, pair.a.components.length, metric.values.length / pair.a.components.length);
  return { reach: top || 1, bent: range.log, places: metric.id.endsWith("_z") ? 1 : decimals(top) };
}

/** As many decimals as show that a change is not 0, within reason. */
function enough(change, places) {
  const size = Math.abs(change?.value ?? 0);
  return size > 0 && size < 0.5 * 10 ** -places ? Math.min(4, Math.max(places, decimals(size) - 1)) : places;
}

function buildRow({ name, kind }, model) {
  const cells = COLUMNS.map(({ id }) => element("td", { class: id }));
  const button = element("button", { type: "button", class: "component", "data-component": name, onclick: () => model.toggle(name) }, element("i", { class: `dot ${kind}` }), name);
  cells[0].append(button);
  const zero = svg("line", { class: "zero", x1: WIDTH / 2, x2: WIDTH / 2, y1: 0, y2: 20 });
  const line = svg("line", { y1: 10, y2: 10 });
  const point = svg("circle", { cy: 10, r: 3.5 });
  const text = element("span", { class: "compare-interval" });
  cells[4].append(svg("svg", { class: "change-drawing", viewBox: `0 0 ${WIDTH} 20`, width: WIDTH, height: 20, "aria-hidden": "true" }, zero, line, point), text);
  return { name, cells, button, line, point, text, node: element("tr", { "data-component": name }, ...cells) };
}

function paintRow(row, { a, b, change, moved }, scale, state) {
  const { cells } = row;
  const places = enough(change, scale.places);
  setText(cells[1], a ? number(a.value, places) : "–");
  setText(cells[2], b ? number(b.value, places) : "–");
  setText(cells[3], change ? signed(change.value, places) : "no partner");
  setText(row.text, change ? intervalText(change, places) : "");
  paintDrawing(row, change, scale);
  setText(cells[5], `${a ? rankText(a.rank) : "–"} → ${b ? rankText(b.rank) : "–"}`);
  setText(cells[6], moved ? movedText(moved) : "");
  setAttribute(cells[3], "class", `change ${signClass(change)}`);
  setAttribute(cells[6], "class", `moved ${signClass(moved)}`);
  setClass(row.node, "selected", row.name === state.component);
  setAttribute(row.button, "aria-pressed", String(row.name === state.component));
}

function movedText({ value, low, high, verdict }) {
  if (!Number.isFinite(value)) return "–";
  const arrow = value > 0 ? `▲ ${rankText(value)}` : value < 0 ? `▼ ${rankText(-value)}` : "=";
  const interval = Number.isFinite(low) && Number.isFinite(high) && low !== high ? ` (${rankText(low)} to ${rankText(high)})` : "";
  return `${arrow}${interval}${verdict === 0 && value !== 0 ? " ?" : ""}`;
}

/** A verdict as a class: the colours are those of the graphs; what cannot be told is grey. */
function signClass(change) {
  if (!change || Number.isNaN(change.verdict)) return "unknown";
  return change.verdict > 0 ? "higher" : change.verdict < 0 ? "lower" : "unsure";
}

function paintDrawing({ line, point }, change, { reach, bent }) {
  const there = change && Number.isFinite(change.value);
  const banded = there && Number.isFinite(change.low) && Number.isFinite(change.high);
  const share = (v) => Math.sign(v) * Math.min(1, bent ? Math.sqrt(Math.abs(v) / reach) : Math.abs(v) / reach);
  const x = (v) => ((0.5 + share(v) / 2) * (WIDTH - 8) + 4).toFixed(1);
  point.style.display = there ? "" : "none";
  line.style.display = banded ? "" : "none";
  for (const mark of [line, point]) setAttribute(mark, "class", signClass(change));
  if (there) setAttribute(point, "cx", x(change.value));
  if (banded) [["x1", change.low], ["x2", change.high]].forEach(([name, v]) => setAttribute(line, name, x(v)));
}

/** Rows are moved only where their order is another: this runs on every frame. */
function order(body, built, found, { sort, filter }) {
  const { key } = COLUMNS.find((column) => column.id === sort) ?? COLUMNS[4];
  const wanted = filter.trim().toLowerCase();
  const places = [...found.keys()].sort((x, y) => {
    const [a, b] = [key(found[x]), key(found[y])].map((v) => (Number.isNaN(v) ? Infinity : v));
    return a < b ? -1 : a > b ? 1 : x - y;
  });
  places.forEach((i, at) => {
    const { node } = built[i];
    if (body.children[at] !== node) body.insertBefore(node, body.children[at] ?? null);
    const hidden = wanted !== "" && !found[i].name.toLowerCase().includes(wanted);
    if (node.hidden !== hidden) node.hidden = hidden;
  });
}
