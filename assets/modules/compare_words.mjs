/** What changed most, in words: edges, components and curves, each with its interval, and what cannot be told. */

import { differenceAt } from "./across_lines.mjs";
import { decimals, number, spread } from "./format.mjs";
import { element, setText } from "./elements.mjs";
import { intervalText, rankText, sideText, signed } from "./compare_text.mjs";
import { metricOf, rowsOf } from "./compare_values.mjs";
import { panelBody } from "./network_panel.mjs";
import { shownCurves } from "./across_model.mjs";
import { verdictOn } from "./compare_edges.mjs";
import { whyUnpaired } from "./compare_model.mjs";

const [EDGES, COMPONENTS] = [3, 3];

/** Build the panel and return its `update(model, changed)` and `summary()`. */
export function createWords(model) {
  const body = panelBody("compare-words", "What changed most");
  document.getElementById("compare-words-head").querySelector(".panel-step").remove();
  const lead = element("p", { class: "compare-lead" });
  const list = element("dl", { class: "compare-list" });
  const method = element("p", { class: "panel-words" });
  body.replaceChildren(lead, list, method);
  const lines = Array.from({ length: 5 }, () => ({ name: element("dt"), words: element("dd") }));
  list.append(...lines.flatMap((line) => [line.name, line.words]));

  function update() {
    const told = tell(model);
    setText(lead, told.lead);
    lines.forEach((line, i) => {
      const [name, words] = told.lines[i] ?? ["", ""];
      line.name.hidden = line.words.hidden = !words;
      setText(line.name, name);
      setText(line.words, words);
    });
    setText(method, told.method);
  }
  return { update, summary: () => { const { lead: first, lines: rest } = tell(model); return `${first} ${rest.slice(0, 2).map((line) => line.join(": ")).join(" ")}`; } };
}

function tell(model) {
  const pair = model.pair();
  if (!pair) return { lead: "Loading …", lines: [], method: "" };
  const [a, b] = [sideText(model, "a"), sideText(model, "b")];
  if (a === b) return { lead: "A and B are the same checkpoint: nothing differs.", lines: [], method: "" };
  const lines = [...edgeLines(pair), ...rankLines(model, pair), curveLine(model)].filter(([, words]) => words);
  return { lead: `From A, ${a}, to B, ${b}:`, lines, method: methodOf(model, pair) };
}

/** The edges that gained and lost most of those that can be told. */
function edgeLines({ changes, match, heaviest }) {
  if (!changes) return [["edges", "One side has no graph here."]];
  const places = Math.max(3, decimals(heaviest));
  const known = [...changes.change.keys()].filter((e) => Number.isFinite(changes.change[e]));
  const best = (sign) => known.filter((e) => verdictOn(changes.change[e], changes.half[e]) === sign).sort((x, y) => sign * (changes.change[y] - changes.change[x])).slice(0, EDGES);
  const name = (e) => `${match.components[changes.from[e]].name} → ${match.components[changes.to[e]].name} ${changes.bound?.[e] ? "at least " : ""}${signed(changes.change[e], places)} ± ${spread(-changes.half[e], changes.half[e], places)}`;
  if (known.length && known.every((e) => Number.isNaN(changes.half[e]))) return [["edges", "There is no interval (a single prompt, or no edge that both sides keep), so it cannot be told which edges changed."]];
  const lists = [[1, "heavier in B"], [-1, "heavier in A"]].map(([sign, label]) => [label, best(sign).map(name).join("; ") || "cannot tell of any edge: every interval holds 0"]);
  return lists;
}

/** The components whose rank can be told to have moved most. */
function rankLines(model, pair) {
  const rows = rowsOf(model).filter((row) => row.moved && Number.isFinite(row.moved.value));
  const metric = metricOf(pair.a, model.state);
  if (!rows.length || !metric) return [];
  const told = (sign) => rows.filter((row) => row.moved.verdict === sign).sort((x, y) => sign * (y.moved.value - x.moved.value)).slice(0, COMPONENTS)
    .map(({ name, a, b, moved }) => `${name} from ${rankText(a.rank)} to ${rankText(b.rank)} (${intervalText(moved, moved.low % 1 || moved.high % 1 ? 1 : 0)} places)`).join("; ");
  const unsure = rows.filter((row) => row.moved.verdict === 0).length;
  const up = told(1);
  const down = told(-1);
  const left = unsure ? `Cannot tell of ${number(unsure, 0)} of ${number(rows.length, 0)} components.` : "";
  return [[`rank by ${metric.name}`, [up && `Rose: ${up}.`, down && `Fell: ${down}.`, left].filter(Boolean).join(" ")]];
}

function curveLine(model) {
  const { across } = model.state;
  if (!across || model.state.against < 0) return ["curves", ""];
  const told = shownCurves(model).flatMap((curve) => {
    const { value, error, clear } = differenceAt(model, curve);
    return value ? [`${curve.name} ${value} ${error}${clear ? "" : " (cannot tell)"}`] : [];
  });
  return ["curves", told.join("; ")];
}

function methodOf({ state }, { changes, paired }) {
  if (!changes) return "";
  const edges = paired ? `Edges: Student’s t over ${number(paired.a.groups, 0)} groups of the same prompts, prompt by prompt.` : `Edges: errors of both sides taken for independent. ${whyUnpaired(state.prompts.edges)}`;
  return `All intervals are 95 %, each by itself; among many, some leave out 0 by chance. ${edges} Curves: both errors taken for independent, which is too wide rather than too narrow where they share data.`;
}
