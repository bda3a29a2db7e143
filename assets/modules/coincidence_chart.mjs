/** Boundaries of every source on one time axis, each with its 95 % interval, below the curve of the LLC. */

import { anyOf, createPlane, createReason, panelBody, stepAt, withInterval } from "./network_panel.mjs";
import { element, setText, svg } from "./elements.mjs";
import { createCurves } from "./network_curves.mjs";
import { COMPACT } from "./network_choice.mjs";
import { believed } from "./refined_marks.mjs";
import { findCurve } from "./payload.mjs";
import { forRun, placeText } from "./coincidence_text.mjs";
import { nearestIndex } from "./axis.mjs";
import { number } from "./format.mjs";

const LOADING = "Computing over all checkpoints …";
/** How high a row is, and where in it marks stand: on a small screen below the row's name. */
const [WIDE, SMALL] = [{ row: 32, middle: 16 }, { row: 48, middle: 32 }];
const MARKS = { maximum: "M0-5 5 4H-5Z", minimum: "M0 5 5-4H-5Z", slope: "M0-5 5 0 0 5-5 0Z", phase: "M-2.5-6h5V6h-5Z" };
const NAMES = { maximum: "maximum", minimum: "minimum", slope: "change of slope", phase: "boundary between phases" };
/** How near the pointer must be to a mark, as a share of the width. */
const NEAR = 0.012;

/** Build the panel and return its `update(model, changed)`. */
export function createChart(model, signal) {
  const body = panelBody("boundaries", "Boundaries over training", legend());
  const [above, rows] = [element("div", { class: "boundary-llc" }), element("div", { class: "boundary-rows" })];
  const note = element("p", { class: "panel-words" });
  body.replaceChildren(above, rows, note);
  const reason = createReason(body);
  let [curve, plane, picture, layer] = [null, null, null, null];
  let { row: height, middle } = WIDE;
  COMPACT.addEventListener("change", () => (rebuild(), paint()), { signal });

  function rebuild() {
    const { tests, trouble, graph } = model.state;
    reason.say(trouble || (tests ? "" : LOADING));
    [curve, plane] = [null, null];
    ({ row: height, middle } = COMPACT.matches ? SMALL : WIDE);
    above.replaceChildren(...(tests?.llc ? llcRow(tests) : []));
    rows.replaceChildren(...(tests?.sources.length ? sourceRows(tests.sources) : []));
    const bare = [tests?.reason ?? "", graph ? "" : "No graph is measured yet, so it has no phases: ontogeny compute RUN --kinds graph,network."];
    setText(note, forRun(model, bare.filter(Boolean).join(" ")));
  }

  function llcRow({ llc, settings }) {
    const shown = believed(findCurve(model.payload, model.state.graph, llc.id));
    const value = element("span", { class: "value llc" });
    curve = createCurves(model, signal, { label: "LLC over training", unit: "λ̂", lines: [{ ...shown, name: llc.name, kind: "llc" }] });
    curve.say = (i) => setText(value, withInterval(shown.values[i], shown.low[i], shown.high[i], curve.places));
    const gutter = element("div", { class: "gutter" }, element("strong", { text: llc.name }), element("span", { class: "lane-unit", text: settings, title: settings }), value, curve.ends);
    return [element("div", { class: "time-row metric-row" }, gutter, curve.node)];
  }

  function sourceRows(sources) {
    const names = sources.map((source) => element("div", { class: `boundary-name ${source.group}`, title: source.settings }, element("strong", { text: source.name }), element("span", { text: countText(source) })));
    picture = svg("svg", { "aria-hidden": "true" });
    layer = element("div", { class: "boundary-marks" });
    plane = createPlane(model, signal, { label: "Boundaries of every source over training", describe: (i, share) => describe(model, sources, i, share), draw, stages: "lane", role: "group" }, picture, layer);
    plane.node.style.height = `${height * sources.length}px`;
    return [element("div", { class: "time-row" }, element("div", { class: "boundary-names" }, ...names), plane.node)];
  }

  function draw() {
    const { width } = plane.size;
    const { sources } = model.state.tests;
    const x = (step) => model.axis.share(step) * width;
    picture.replaceChildren(...sources.flatMap(({ group, marks }, row) => {
      const y = height * row + middle;
      return [
        svg("line", { class: "boundary-row", x1: 0, x2: width, y1: height * (row + 1) - 0.5, y2: height * (row + 1) - 0.5 }),
        ...marks.map(({ low, high, kind }) => svg("path", { class: `boundary-whisker ${group} ${kind}`, d: whisker(x(low), x(high), y) })),
      ];
    }));
    layer.replaceChildren(...sources.flatMap((source, row) => [
      ...(source.marks.length ? [] : [emptyText(source, height * row + middle)]),
      ...source.marks.filter(({ step }) => x(step) >= -1 && x(step) <= width + 1).map((mark) => markButton(model, source, mark, x(mark.step), height * row + middle)),
    ]));
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph", "tests", "trouble")) rebuild();
    else if (anyOf(changed, "axis", "zoom")) {
      curve?.draw();
      if (plane?.size.width) draw();
    }
    paint();
  }

  function paint() {
    curve?.paint();
    curve?.say(model.state.index);
    plane?.paint();
  }
  return { update };
}

function whisker(left, right, y) {
  const [a, b, top, foot] = [left.toFixed(1), right.toFixed(1), y - 4, y + 4];
  return right - left < 1 ? "" : `M${a} ${y}H${b}M${a} ${top}V${foot}M${b} ${top}V${foot}`;
}

function markButton(model, { name, group }, mark, x, y) {
  const node = element("button", { type: "button", class: `boundary-mark ${group} ${mark.kind}`, "data-kind": mark.kind, "aria-label": `${name}: ${NAMES[mark.kind]} at step ${placeText(mark)}`, onclick: () => model.go(nearestIndex(model.payload.steps, mark.step)) },
    svg("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, svg("path", { d: MARKS[mark.kind] })));
  node.style.transform = `translate(${x.toFixed(1)}px,${y}px)`;
  return node;
}

function emptyText({ reason }, middle) {
  const node = element("span", { class: "boundary-none", text: reason || "no boundary stands out against the noise" });
  node.style.top = `${middle}px`;
  return node;
}

function countText({ marks, group }) {
  const of = (...kinds) => marks.filter(({ kind }) => kinds.includes(kind)).length;
  const said = (many, one, more) => (many ? [`${number(many, 0)} ${many === 1 ? one : more}`] : []);
  if (group === "graph") return said(of("phase"), "boundary", "boundaries")[0] ?? "";
  return [...said(of("maximum", "minimum"), "turn", "turns"), ...said(of("slope"), "slope", "slopes")].join(" · ");
}

/** Tell of the mark near the pointer in its row, else of the row. */
function describe(model, sources, index, share) {
  const source = sources[Math.min(sources.length - 1, Math.floor(share * sources.length))];
  const here = model.axis.fraction(index);
  const away = ({ step }) => Math.abs(model.axis.share(step) - here);
  const near = [...source.marks].sort((a, b) => away(a) - away(b)).find((mark) => away(mark) < NEAR || nearestIndex(model.payload.steps, mark.step) === index);
  if (!near) return { title: source.name, rows: [["boundaries", number(source.marks.length, 0)]], foot: stepAt(model, index) };
  const rows = [["step", number(Math.round(near.step), 0)], ["95 % interval", `${number(Math.round(near.low), 0)} to ${number(Math.round(near.high), 0)}`]];
  if (near.support !== null) rows.push(["support", `${number(100 * near.support, 0)} %`]);
  return { title: `${source.name}: ${NAMES[near.kind]}`, rows, foot: stepAt(model, index) };
}

function legend() {
  const one = (kind) => element("span", { class: "boundary-key" }, svg("svg", { viewBox: "-7 -7 14 14", class: kind }, svg("path", { d: MARKS[kind] })), element("span", { text: NAMES[kind] }));
  return element("span", { class: "boundary-legend" }, ...Object.keys(MARKS).map(one), element("span", { class: "boundary-key" }, svg("svg", { viewBox: "-9 -7 18 14" }, svg("path", { class: "boundary-whisker", d: "M-8 0H8M-8-4V4M8-4V4" })), element("span", { text: "95 % interval" })));
}
