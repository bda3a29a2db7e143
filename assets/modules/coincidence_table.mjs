/** How far the boundaries of each source lie from those of the LLC, and how far chance would put them. */

import { anyOf, createReason, panelBody } from "./network_panel.mjs";
import { chance, forRun, interval, saveButton, verdictNode } from "./coincidence_text.mjs";
import { element } from "./elements.mjs";
import { number } from "./format.mjs";

const LOADING = "Computing over all checkpoints …";
const COLUMNS = [
  ["boundaries of", ""], ["and of", ""],
  ["apart", "mean distance to the nearest boundary of the other set, as a factor in 1 + t, with its 95 % interval"],
  ["by chance", "median of the distance where one set is turned round the run at random"],
  ["in pairs", "pairs of boundaries whose intervals overlap, and how many would by chance"],
  ["p, turned", "share of turns that come as near: spacing within a set is kept"],
  ["p, scattered", "share of sets scattered over the checkpoints that come as near"],
  ["least p", "p if the places of one set were those of the other"],
  ["after Holm", "p, turned, corrected for all tests of this page"],
  ["", ""],
];
const FILE = ["first", "second", "start", "end", "first_boundaries", "second_boundaries", "distance", "low", "high", "chance", "shared", "chance_shared", "p", "p_scattered", "smallest_p", "adjusted", "verdict", "reason"];

/** Build the panel and return its `update(model, changed)`. */
export function createTable(model) {
  const save = saveButton(() => `${model.run}-${model.state.graph || "run"}-distances.csv`, () => [FILE, ...model.state.tests.distances.map(record)]);
  const body = panelBody("distances", "Distances between boundaries", save);
  const content = element("div", { class: "coincidence-scroll", tabindex: "0", role: "region", "aria-label": "Table of distances" });
  body.replaceChildren(content);
  const reason = createReason(body);

  function update(_, changed) {
    if (!anyOf(changed, "payload", "graph", "tests", "trouble")) return;
    const { tests, trouble } = model.state;
    const bare = tests && !tests.distances.length;
    reason.say(trouble || (!tests ? LOADING : bare ? forRun(model, tests.reason || "There is no curve and no graph to compare the LLC with.") : ""));
    save.hidden = !tests?.distances.length;
    content.replaceChildren(...(tests && !bare ? [table(tests.distances)] : []));
  }
  return { update };
}

function table(distances) {
  const head = element("tr", {}, ...COLUMNS.map(([text, title]) => element("th", { scope: "col", text, title: title || null })));
  return element("table", { class: "coincidence-table" }, element("thead", {}, head), element("tbody", {}, ...distances.map(row)));
}

function row({ first, second, found, factor, adjusted, verdict, words }) {
  const cell = (text, small = "") => element("td", {}, element("span", { text }), ...(small ? [element("small", { text: small })] : []));
  const counted = (name, many) => element("th", { scope: "row" }, element("span", { text: name }), ...(many === undefined ? [] : [element("small", { text: number(many, 0) })]));
  const numbers = found && factor[0] !== null
    ? [
        cell(`${number(factor[0], 2)}×`, interval(factor[1], factor[2])), cell(`${number(factor[3], 2)}×`),
        cell(number(found.shared, 0), `by chance ${number(found.chance_shared, 1)}`), cell(chance(found.p)), cell(chance(found.p_scattered)), cell(chance(found.smallest_p)), cell(chance(adjusted)),
      ]
    : Array.from({ length: 7 }, () => cell("–"));
  return element("tr", { "data-verdict": verdict, title: words }, counted(first, found?.first), counted(second, found?.second), ...numbers, element("td", {}, verdictNode(verdict)));
}

function record({ first, second, start, end, found, adjusted, verdict, reason }) {
  const fields = found ? [start, end, found.first, found.second, found.distance, found.low, found.high, found.chance, found.shared, found.chance_shared, found.p, found.p_scattered, found.smallest_p] : Array(13).fill("");
  return [first, second, ...fields, adjusted, verdict, found?.reason ?? reason];
}
