/** How the slope of a curve goes with that of the LLC, at each lag, and the same of all curves in a table. */

import { anyOf, createReason, hush, onSize, panelBody, tell } from "./network_panel.mjs";
import { chance, forRun, interval, lagText, saveButton, value, verdictNode } from "./coincidence_text.mjs";
import { element, select, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { GO_TOGETHER } from "./coincidence_model.mjs";
import { number } from "./format.mjs";

const LOADING = "Computing over all checkpoints …";
const GROUPS = { loss: "loss and behaviours", behaviour: "loss and behaviours", graph: "graph metrics" };
const COLUMNS = [
  ["curve", ""], ["r", "correlation of the slopes about the lag at which most is left, and its 95 % interval at that lag by itself"],
  ["lag", "where that is, as a factor in 1 + t, with its 95 % interval: above 1, the curve changes after the LLC"],
  ["left", "the most, at any lag, that is left of a correlation without the stretch of training on which it rests most"],
  ["stretches", "how many independent pairs of slopes there are; fewer than 4 tell nothing"],
  ["p", "share of independent curves as smooth as these of whose correlation as much is left at any lag"],
  ["after Holm", "corrected for all tests of this page"], ["", ""],
];
const FILE = ["curve", "r", "r_low", "r_high", "lag", "lag_low", "lag_high", "least", "stretches", "p", "adjusted", "verdict", "reason"];
const PAD = 8;
/** Places on the axis of lags, in ln(1 + t). */
const TICKS = [-1, -0.5, 0, 0.5, 1];

/** Build the panel and return its `update(model, changed)`. */
export function createLags(model, signal) {
  const slot = element("span", { class: "slot" });
  const save = saveButton(() => `${model.run}-${model.state.graph || "run"}-lags.csv`, () => [FILE, ...model.state.tests.lags.map(record)]);
  const body = panelBody("lags", "Lagged correlations", slot, save);
  const drawing = createDrawing(model, signal);
  const words = element("p", { class: "panel-words" });
  const list = element("div", { class: "coincidence-scroll", tabindex: "0", role: "region", "aria-label": "Table of lagged correlations" });
  body.replaceChildren(element("div", { class: "lags-side" }, drawing.node, words), list);
  const reason = createReason(body);
  let rows = [];

  function rebuild() {
    const { tests, trouble } = model.state;
    const bare = tests && !tests.lags.length;
    reason.say(trouble || (!tests ? LOADING : bare ? forRun(model, tests.reason || "There is no curve to compare the LLC with.") : ""));
    save.hidden = !tests?.lags.length;
    rows = (tests?.lags ?? []).map((lag) => ({ lag, node: row(model, lag) }));
    const head = element("tr", {}, ...COLUMNS.map(([text, title]) => element("th", { scope: "col", text, title: title || null })));
    list.replaceChildren(...(rows.length ? [element("table", { class: "coincidence-table choosable" }, element("thead", {}, head), element("tbody", {}, ...rows.map(({ node }) => node)))] : []));
    slot.replaceChildren(...(rows.length ? [menu(model, tests.lags)] : []));
  }

  function choose() {
    const lag = chosen(model);
    drawing.draw(lag);
    setText(words, lag?.words ?? "");
    if (slot.firstChild) slot.firstChild.value = lag.id;
    for (const { lag: own, node } of rows) {
      setClass(node, "selected", own === lag);
      setAttribute(node.querySelector("button"), "aria-pressed", String(own === lag));
    }
  }

  function update(_, changed) {
    const other = anyOf(changed, "payload", "graph", "tests", "trouble");
    if (other) rebuild();
    if (other || changed.has("curve")) choose();
  }
  return { update };
}

/** Return the curve that is shown: the chosen one, or else the first. */
function chosen({ state }) {
  const lags = state.tests?.lags ?? [];
  return lags.find(({ id }) => id === state.curve) ?? lags[0];
}

function menu(model, lags) {
  const groups = [...new Set(lags.map(({ group }) => GROUPS[group]))];
  const options = groups.map((label) => ({ label, options: lags.filter(({ group }) => GROUPS[group] === label).map(({ id, name }) => [id, name]) }));
  return select({ class: "menu", "aria-label": "Curve beside the LLC", onchange: (e) => model.set({ curve: e.target.value }) }, options, chosen(model).id);
}

function row(model, lag) {
  const { id, name, verdict, words } = lag;
  const cell = (text, small = "") => element("td", {}, element("span", { text }), ...(small ? [element("small", { text: small })] : []));
  const known = lag.extremum !== null;
  const choose = element("button", { type: "button", text: name, "aria-pressed": "false", onclick: () => model.set({ curve: id }) });
  return element("tr", { "data-curve": id, "data-verdict": verdict, title: words }, element("th", { scope: "row" }, choose),
    ...(known ? [cell(number(lag.extremum, 2), interval(lag.extremum_low, lag.extremum_high)), cell(`${number(Math.exp(lag.lag), 2)}×`, interval(Math.exp(lag.lag_low), Math.exp(lag.lag_high)))] : [cell("–"), cell("–")]),
    cell(value(lag.least, 2)), cell(value(lag.stretches, 1)), cell(chance(lag.p)), cell(chance(lag.adjusted)), element("td", {}, verdictNode(verdict, GO_TOGETHER)));
}

function record(lag) {
  return [lag.name, lag.extremum, lag.extremum_low, lag.extremum_high, lag.lag, lag.lag_low, lag.lag_high, lag.least, lag.stretches, lag.p, lag.adjusted, lag.verdict, lag.reason];
}

/** Return the chart of correlation over lag: `node` and `draw(lag)`; both axes are the same for every curve. */
function createDrawing(model, signal) {
  const picture = svg("svg", { "aria-hidden": "true" });
  const plane = element("div", { class: "lag-plane", role: "img", "aria-label": "Correlation of slopes at each lag" }, picture);
  const ticks = element("div", { class: "lag-ticks", "aria-hidden": "true" }, ...TICKS.map(tick));
  const ends = element("div", { class: "lag-ends", "aria-hidden": "true" }, ...["1", "0", "−1"].map((text) => element("span", { text })));
  const name = element("span", { class: "axis-name", text: "when the curve changes, against the LLC (factor in 1 + t)" });
  const key = element("p", { class: "lag-key" }, ...[["line", "correlation of slopes, 95 % at each lag"], ["left", "what is left without the stretch that it rests on most"], ["limit", "95 % of independent curves have no more left at any lag"], ["peak", "r about where most is left, 95 % of its lag"]].map(([kind, text]) => element("span", {}, element("i", { class: kind }), text)));
  const node = element("div", { class: "lag-frame" }, ends, plane, ticks, name, key);
  const size = { width: 0, height: 0 };
  let shown = null;
  const x = (lag) => (0.5 + lag / 2) * size.width;
  const y = (r) => PAD + (size.height - 2 * PAD) * (0.5 - r / 2);
  onSize(plane, signal, (width, height) => {
    Object.assign(size, { width, height });
    draw(shown);
  });
  plane.addEventListener("pointermove", (event) => shown && tell(model, event, describe(shown, (event.clientX - plane.getBoundingClientRect().left) / size.width)), { signal });
  plane.addEventListener("pointerleave", hush, { signal });

  function draw(lag) {
    shown = lag ?? null;
    if (!shown || !size.width) return picture.replaceChildren();
    setAttribute(picture, "viewBox", `0 0 ${size.width} ${size.height}`);
    const line = (x1, y1, x2, y2, kind) => svg("line", { class: kind, x1, y1, x2, y2 });
    const { lags, r, low, high, left, limit } = shown;
    const known = [...lags.keys()].filter((i) => r[i] !== null && low[i] !== null);
    const path = (table, order = known) => order.map((i) => `${x(lags[i]).toFixed(1)} ${y(table[i]).toFixed(1)}`).join("L");
    const peak = shown.extremum === null ? [] : [
      line(x(shown.lag_low), y(shown.extremum), x(shown.lag_high), y(shown.extremum), "lag-whisker"),
      line(x(shown.lag), y(shown.extremum_low), x(shown.lag), y(shown.extremum_high), "lag-whisker"),
      svg("circle", { class: `lag-peak ${shown.group}`, cx: x(shown.lag), cy: y(shown.extremum), r: 4.5 }),
    ];
    return picture.replaceChildren(
      ...(limit === null ? [] : [svg("rect", { class: "lag-limit", x: 0, width: size.width, y: y(limit), height: y(-limit) - y(limit) })]),
      line(0, y(0), size.width, y(0), "lag-zero"), line(x(0), 0, x(0), size.height, "lag-zero"),
      ...(known.length ? [svg("path", { class: `lag-band ${shown.group}`, d: `M${path(high)}L${path(low, [...known].reverse())}Z` }), svg("path", { class: `lag-line ${shown.group}`, d: `M${path(r)}` }), svg("path", { class: `lag-left ${shown.group}`, d: `M${path(left)}` })] : []),
      ...peak);
  }
  return { node, draw };
}

function tick(lag) {
  const node = element("span", { text: lagText(lag, 1) });
  node.style.left = `${50 + 50 * lag}%`;
  return node;
}

function describe({ name, lags, r, low, high, left }, share) {
  const at = 2 * share - 1;
  const i = lags.reduce((best, lag, k) => (Math.abs(lag - at) < Math.abs(lags[best] - at) ? k : best), 0);
  const correlation = r[i] === null ? "too little in common" : number(r[i], 2);
  return { title: `${name}, ${lagText(lags[i])}`, rows: [["correlation", correlation], ["95 % interval", interval(low[i], high[i]) || "–"], ["left", value(left[i], 2)]], foot: `lag ${number(lags[i], 2)} in ln(1 + t)` };
}
