/** What coincides, in words: the tests that stand out and the main ones, then all of them. */

import { anyOf, createReason, panelBody } from "./network_panel.mjs";
import { everyTest } from "./coincidence_model.mjs";
import { element, setAttribute, setText } from "./elements.mjs";
import { forRun, verdictNode } from "./coincidence_text.mjs";
import { number } from "./format.mjs";

const LOADING = "Computing over all checkpoints …";
const NAMES = { distances: "distances between boundaries", lags: "lagged correlations", courses: "tests of components" };

/** Build the panel and return its `update(model, changed)`. */
export function createVerdict(model) {
  const family = element("span", { class: "quiet" });
  const body = panelBody("verdict", "What coincides", family);
  const content = element("div", { class: "verdict-content" });
  body.replaceChildren(content);
  const reason = createReason(body);

  function rebuild() {
    const { tests, trouble } = model.state;
    reason.say(trouble || (tests ? "" : LOADING));
    setText(family, tests ? familyText(tests) : "");
    setAttribute(family, "title", tests ? familyWords(tests) : "");
    content.replaceChildren(...(tests ? filled(model, tests) : []));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "tests", "trouble", "every")) rebuild();
  }
  return { update };
}

function familyText({ family }) {
  return `${number(family.size, 0)} tests, p corrected together`;
}

function familyWords({ family, level }) {
  const kinds = Object.entries(NAMES).map(([name, text]) => `${number(family[name], 0)} ${text}`);
  return `Holm's correction over ${kinds.join(", ")}: at most ${number(100 * level, 0)} % of such pages have one that stands out by chance alone.`;
}

function filled(model, tests) {
  const every = everyTest(tests);
  const counts = (...kinds) => every.filter(({ verdict }) => kinds.includes(verdict)).length;
  const head = element("dl", { class: "verdict-counts" },
    count(counts("together", "caution"), counts("together", "caution") === 1 ? "stands out" : "stand out", "together"),
    count(counts("chance"), "no more than chance", "chance"),
    count(counts("untold"), "cannot be told", "untold"));
  const shown = model.state.every ? every : every.filter(({ verdict, main }) => main || verdict === "together" || verdict === "caution");
  const toggle = element("button", {
    type: "button", class: "text-button strong", "aria-expanded": String(model.state.every), onclick: () => model.set({ every: !model.state.every }),
    text: model.state.every ? "only what matters most" : `all ${number(every.length, 0)} comparisons in words`,
  });
  return [
    ...(tests.reason ? [element("p", { class: "verdict-lead", text: forRun(model, tests.reason) })] : []),
    ...(every.length ? [head, element("ul", { class: "verdict-list" }, ...shown.map(item))] : []),
    ...(every.length > shown.length || model.state.every ? [element("p", {}, toggle)] : []),
    element("p", { class: "panel-words verdict-limits", text: limits(tests) }),
  ];
}

function count(many, text, verdict) {
  return element("div", { class: verdict }, element("dt", { text }), element("dd", { text: number(many, 0) }));
}

function item({ title, verdict, words, says }) {
  return element("li", { "data-verdict": verdict }, element("div", {}, element("strong", { text: title }), verdictNode(verdict, says)), element("p", { text: words }));
}

/** Return in plain words what the page cannot tell, and what it does not say. */
function limits({ family, missing, noCause }) {
  const least = family.size ? `Each p is corrected for ${number(family.size, 0)} tests; what is no more than chance may still be there, unseen.` : "";
  const gone = missing.length ? `Not measured, so not compared: ${missing.join(", ")}.` : "";
  return [least, gone, noCause].filter(Boolean).join(" ");
}
