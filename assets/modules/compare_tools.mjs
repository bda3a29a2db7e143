/** Under the graphs: what is drawn of them and of their difference, and what widths and colours mean. */

import { decimals, number } from "./format.mjs";
import { element, setAttribute, setText, svg } from "./elements.mjs";
import { KINDS, SHAPES, strokeOpacity, strokeWidth } from "./marks.mjs";
import { readTop } from "./address.mjs";

const ALL = "all";

/** Build the tools and return them with `paint(pair, drawn)`. */
export function createTools(model) {
  const threshold = createRange(model, "threshold", "Show edges of A and B at least this heavy");
  const least = createRange(model, "least", "Show changes of at least this much");
  const top = createMost(model, "top", "Most edges of A and B shown");
  const most = createMost(model, "most", "Most changes shown");
  const sure = element("input", { type: "checkbox", onchange: (event) => model.set({ sure: event.target.checked }) });
  const scale = element("span", { class: "key compare-scale" });
  const told = element("p", { class: "panel-words compare-told" });
  const node = element("div", { class: "compare-tools" },
    element("div", { class: "panel-tools" },
      element("span", { class: "compare-tool-group" }, element("strong", { text: "A and B" }), ...threshold.nodes, ...top.nodes),
      element("span", { class: "compare-tool-group" }, element("strong", { text: "B − A" }), ...least.nodes, ...most.nodes,
        element("label", { class: "tool" }, sure, "only what can be told"))),
    element("div", { class: "panel-tools compare-legend" }, changeKey("lower", "heavier in A"), changeKey("higher", "heavier in B"), changeKey("unsure", "cannot tell: the 95 % interval holds 0"), scale, ...kindKeys()),
    told);

  function paint(pair, drawn) {
    const heaviest = pair?.heaviest ?? 0;
    for (const range of [threshold, least]) range.paint(heaviest);
    for (const box of [top, most]) box.paint();
    if (sure.checked !== model.state.sure) sure.checked = model.state.sure;
    paintScale(scale, heaviest);
    setText(told, pair?.match && drawn ? counts(pair, drawn) : "");
  }
  return { node, paint };
}

/** What the difference holds, drawn or not, and how its intervals were made. */
function counts({ match, changes, paired }, { all, higher, lower, unsure, unknown }) {
  const told = [`Of ${number(all, 0)} edges ${number(higher, 0)} are heavier in B, ${number(lower, 0)} in A${unsure ? `, of ${number(unsure, 0)} it cannot be told` : ""}${unknown ? `, ${number(unknown, 0)} have no interval` : ""}.`];
  if (higher + lower) told.push(`Were nothing different, about ${number(Math.round(0.05 * (all - unknown)), 0)} would be called so by chance.`);
  if (changes.bound) told.push("Only the heaviest edges of a wide graph are kept: of an edge that one side does not keep, the smallest change that it can have is drawn, and it has no interval.");
  const alone = [...match.alone.a, ...match.alone.b];
  if (alone.length) told.push(`Without a partner by name: ${names("A", match.alone.a)}${match.alone.a.length && match.alone.b.length ? "; " : ""}${names("B", match.alone.b)}.`);
  told.push(paired ? `Intervals are paired: both graphs were measured on the same ${number(paired.a.groups, 0)} groups of prompts, and what a prompt adds to both cancels.` : "");
  return told.filter(Boolean).join(" ");
}

function names(side, list) {
  if (!list.length) return "";
  const shown = list.slice(0, 6).join(", ");
  return `${shown}${list.length > 6 ? ` and ${number(list.length - 6, 0)} more` : ""} of ${side}`;
}

/** A slider on which small values have more room: the value grows with the square of its place. */
function createRange(model, field, label) {
  let heaviest = 1;
  const range = element("input", { type: "range", min: 0, max: 1000, step: 1, class: "range", "aria-label": label, oninput: (event) => model.set({ [field]: Number((heaviest * (event.target.value / 1000) ** 2).toPrecision(2)) }) });
  const typed = element("input", { type: "text", inputmode: "decimal", class: "typed", "aria-label": `${label}, as a number`, onchange: (event) => {
    const value = Number(event.target.value);
    if (event.target.value.trim() && Number.isFinite(value)) model.set({ [field]: Math.max(0, value) });
    event.target.value = model.state[field];
  } });
  function paint(most) {
    heaviest = most || 1;
    const value = model.state[field];
    const place = String(Math.round(1000 * Math.sqrt(Math.min(1, value / heaviest))));
    if (range.value !== place && document.activeElement !== range) range.value = place;
    setAttribute(range, "aria-valuetext", String(value));
    if (document.activeElement !== typed && typed.value !== String(value)) typed.value = value;
  }
  return { nodes: [element("label", { class: "tool" }, "at least", range), typed], paint };
}

function createMost(model, field, label) {
  const text = () => (model.state[field] === null ? ALL : number(model.state[field], 0));
  const box = element("input", { type: "text", class: "most", "aria-label": label, title: "a number, or all", onchange: () => {
    model.set({ [field]: readTop(box.value.trim().toLowerCase(), model.state[field]) });
    box.value = text();
  } });
  const paint = () => document.activeElement !== box && box.value !== text() && (box.value = text());
  return { nodes: [element("label", { class: "tool" }, "at most", box, "edges")], paint };
}

function changeKey(name, words) {
  return element("span", { class: "key" }, svg("svg", { class: `change-key edges ${name}`, viewBox: "0 0 24 8", "aria-hidden": "true" }, svg("path", { class: "edge", d: "M1 4h22", "stroke-width": 2.5 })), words);
}

function kindKeys() {
  return ["head", "mlp", "io"].map((kind) => element("span", { class: "key" }, svg("svg", { viewBox: "-1.3 -1.3 2.6 2.6", class: kind }, svg("path", { d: SHAPES[kind] })), KINDS[kind]));
}

function paintScale(scale, heaviest) {
  if (scale.dataset.shown === String(heaviest)) return;
  scale.dataset.shown = String(heaviest);
  const lines = [0.05, 0.4, 1].map((share, i) => svg("line", { x1: 18 * i, x2: 18 * i + 14, y1: 5, y2: 5, class: "sample", "stroke-width": strokeWidth(share), "stroke-opacity": strokeOpacity(share) }));
  scale.replaceChildren(svg("svg", { viewBox: "0 0 50 10", class: "widths", "aria-hidden": "true" }, ...lines), `to ${number(heaviest, Math.min(2, decimals(heaviest)))}, the same in all three`);
}
