/** The way of the outputs in the plane of two components, with the step marked; no step moves its axes. */

import { LETTERS, axesOf, indexAt, pairOf, placeOf, placesOf } from "./dynamics_model.mjs";
import { anyOf, hush, onSize, panelBody, tell } from "./network_panel.mjs";
import { arrow, arrowheads, boundariesOn, legendOf, placeLabel, referenceLabel, referencesOn } from "./dynamics_marks.mjs";
import { boundsOf, planeScale, roundValues, stretches, timeShares } from "./dynamics_scale.mjs";
import { element, select, setAttribute, setText, svg } from "./elements.mjs";
import { number, step as formatStep } from "./format.mjs";
import { describe, summary } from "./dynamics_words.mjs";

const MARGIN = { left: 44, right: 24, top: 20, bottom: 26 };
const NEAR = 24;
const APART = 56;

/** Build the panel and return its `update(model, changed)`. */
export function createPlane(model, signal) {
  const menus = element("span", { class: "slot plane-menus" });
  const body = panelBody("plane", "Trajectory", menus);
  const picture = svg("svg", { "aria-hidden": "true" });
  const marks = element("div", { class: "way-marks" });
  const plane = element("div", { class: "way-plane", role: "img" }, picture, marks);
  const [across, up] = [element("span", { class: "axis-name" }), element("span", { class: "axis-name up" })];
  const legend = element("div");
  body.replaceChildren(element("div", { class: "way-frame" }, up, plane, across), legend);
  let scale = null;
  let dots = [];

  function draw() {
    const { ways } = model.state;
    const [width, height] = [plane.clientWidth, plane.clientHeight];
    scale = null;
    if (!ways || !width) return void picture.replaceChildren();
    const pair = pairOf(model);
    const bounds = boundsOf(ways, pair);
    scale = planeScale(bounds, width, height, MARGIN);
    const references = referencesOn(ways, pair, bounds);
    setAttribute(picture, "viewBox", `0 0 ${width} ${height}`);
    picture.replaceChildren(...drawTicks(scale, width, height), ...drawWays(model, ways, pair, scale), ...drawPoints(model, ways, pair, scale, references, width, height));
    [across, up].forEach((node, j) => setText(node, axisName(ways, pair[j])));
    legend.replaceChildren(legendOf(model, references));
    dots = ways.runs.map((_, r) => element("i", { class: `way-mark beside-${r}` }, ...(r ? [element("span", { text: LETTERS[r] })] : [])));
    marks.replaceChildren(...dots.reverse());
    dots.reverse();
  }

  function paint() {
    if (!scale) return;
    const { ways } = model.state;
    ways.runs.forEach((run, r) => {
      const i = indexAt(model, run);
      const at = i < 0 ? null : placeOf(run, i, pairOf(model));
      dots[r].hidden = !at;
      if (at) dots[r].style.transform = `translate(${scale.x(at[0]).toFixed(1)}px,${scale.y(at[1]).toFixed(1)}px)`;
    });
    setAttribute(plane, "aria-label", `Trajectory of the outputs, ${across.textContent} across, ${up.textContent} up. ${summary(model)}`);
  }

  listen(plane, model, signal, () => scale);
  onSize(plane, signal, () => (draw(), paint()));

  function update(_, changed) {
    if (anyOf(changed, "ways", "pcs")) fillMenus(menus, model);
    if (anyOf(changed, "ways", "pcs", "stages", "boundaries", "payload")) draw();
    paint();
  }
  return { update };
}

function fillMenus(slot, model) {
  const { ways } = model.state;
  if (!ways) return slot.replaceChildren();
  const pair = pairOf(model);
  const options = Array.from({ length: axesOf(ways) }, (_, k) => [String(k + 1), `PC${k + 1}`]);
  const menu = (j, label) => {
    const other = pair[1 - j];
    const choose = (event) => {
      const k = Number(event.target.value) - 1;
      const chosen = k === other ? [pair[1], pair[0]] : j ? [other, k] : [k, other];
      model.set({ pcs: chosen.map((c) => c + 1).join() });
    };
    return select({ class: "menu", "aria-label": label, onchange: choose }, options, String(pair[j] + 1));
  };
  return slot.replaceChildren(menu(0, "Component across"), element("span", { class: "quiet", text: "by" }), menu(1, "Component up"));
}

function axisName(ways, k) {
  return `PC${k + 1}, ${ways.unit}; ${number(100 * ways.explained[k], 0)} % of the variance`;
}

/** Round values along both axes, as far apart on one as on the other. */
function drawTicks(scale, width, height) {
  const found = scale.ends.map((ends) => roundValues(ends, APART / scale.unit));
  const text = (v, step) => number(Math.abs(v) < step / 2 ? 0 : v, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const across = found[0].values.filter((v) => scale.x(v) > MARGIN.left - 4 && scale.x(v) < width - 12);
  const upward = found[1].values.filter((v) => scale.y(v) > 10 && scale.y(v) < height - MARGIN.bottom + 4);
  return [
    svg("path", { class: "way-axis", d: `M${MARGIN.left - 8} 4V${height - MARGIN.bottom + 8}H${width - 4}` }),
    ...across.map((v) => svg("text", { class: "way-tick", x: scale.x(v), y: height - 4, "text-anchor": "middle", text: text(v, found[0].step) })),
    ...across.map((v) => svg("path", { class: "way-axis", d: `M${scale.x(v)} ${height - MARGIN.bottom + 8}v-4` })),
    ...upward.map((v) => svg("text", { class: "way-tick", x: MARGIN.left - 14, y: scale.y(v) + 4, "text-anchor": "end", text: text(v, found[1].step) })),
    ...upward.map((v) => svg("path", { class: "way-axis", d: `M${MARGIN.left - 8} ${scale.y(v)}h4` })),
  ];
}

/** The ways: of the page's own run light to dark with every checkpoint, of the others lines of one look each. */
function drawWays(model, ways, pair, scale) {
  const pixels = (run) => stretches(run, pair).map((points) => points.map(([i, [a, b]]) => [i, [scale.x(a), scale.y(b)]]));
  const others = ways.runs.slice(1).flatMap((run, k) => pixels(run).flatMap((points) => [
    svg("path", { class: `way-line beside-${k + 1}`, d: `M${points.map(([, p]) => p.map((v) => v.toFixed(1)).join(" ")).join("L")}` }),
    ...arrowheads(points).filter((_, n) => n % 2 === 0).map((head) => svg("g", { class: `beside-${k + 1}` }, arrow(head))),
  ]));
  const own = ways.runs[0];
  const shares = timeShares(own.steps);
  const shaded = (node, i) => {
    node.style.setProperty("--t", `${(100 * shares[i]).toFixed(1)}%`);
    return node;
  };
  const lines = pixels(own).flatMap((points) => [
    ...points.slice(1).map(([i, p], k) => shaded(svg("path", { class: "way-line own", d: `M${points[k][1].map((v) => v.toFixed(1)).join(" ")}L${p.map((v) => v.toFixed(1)).join(" ")}` }), i)),
    ...points.map(([i, [x, y]]) => shaded(svg("circle", { class: "way-dot", cx: x.toFixed(1), cy: y.toFixed(1), r: 2.2 }), i)),
    ...arrowheads(points).map((head) => shaded(svg("g", { class: "own" }, arrow(head)), head[3])),
  ]);
  const rings = boundariesOn(model, own, pair).map(({ at }) => svg("circle", { class: "way-boundary", cx: scale.x(at[0]), cy: scale.y(at[1]), r: 6 }));
  return [...others, ...lines, ...rings];
}

/** References with their labels, the first and the last checkpoint, and the letters of other runs. */
function drawPoints(model, ways, pair, scale, references, width, height) {
  const places = placesOf(ways);
  const own = stretches(ways.runs[0], pair).flat();
  const points = own.map(([, [a, b]]) => [scale.x(a), scale.y(b)]);
  const taken = references.map(({ at }) => [scale.x(at[0]) - 6, scale.y(at[1]) - 6, scale.x(at[0]) + 6, scale.y(at[1]) + 6]);
  const label = (at, text, kind, ...rest) => {
    const found = placeLabel(scale.x(at[0]), scale.y(at[1]), [text, ...rest].join(" "), taken, points, width, height - MARGIN.bottom);
    return svg("text", { class: `way-label ${kind}`, x: found.x.toFixed(1), y: found.y.toFixed(1), "text-anchor": found.anchor }, text, ...rest.map((more) => svg("tspan", { dx: 5, text: more })));
  };
  const ends = own.length > 1 ? [own[0], own.at(-1)] : own;
  return [
    ...references.map(({ far, at, shape }) => svg("path", { class: far ? "way-reference far" : "way-reference", d: shape, transform: `translate(${scale.x(at[0]).toFixed(1)} ${scale.y(at[1]).toFixed(1)}) scale(5)` })),
    ...references.map((reference) => label(reference.at, referenceLabel(reference, places)[0], "of-reference", referenceLabel(reference, places)[1])),
    ...ends.map(([i, at]) => label(at, `step ${formatStep(ways.runs[0].steps[i])}`, "of-end")),
    ...ways.runs.slice(1).flatMap((run, k) => stretches(run, pair).flat().slice(-1).map(([, at]) => label(at, LETTERS[k + 1], `of-run beside-${k + 1}`))),
  ];
}

/** Tell what is near the pointer, and go there on a click. */
function listen(plane, model, signal, scaleNow) {
  const under = (event) => {
    const scale = scaleNow();
    const box = plane.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, found] = [NEAR, null];
    model.state.ways?.runs.forEach((run, r) => run.steps.forEach((_, i) => {
      const at = scale && placeOf(run, i, pairOf(model));
      const away = at ? Math.hypot(scale.x(at[0]) - x, scale.y(at[1]) - y) + (r ? 3 : 0) : Infinity;
      if (away < best) [best, found] = [away, [r, i]];
    }));
    return found;
  };
  plane.addEventListener("pointermove", (event) => {
    const found = under(event);
    tell(model, event, found && describe(model, ...found));
  }, { signal });
  plane.addEventListener("pointerleave", hush, { signal });
  plane.addEventListener("click", (event) => goTo(model, under(event)), { signal });
}

/** Go to a checkpoint of one of the runs: of another than the page's, to the nearest of the page's own. */
export function goTo(model, found) {
  if (!found) return;
  const [r, i] = found;
  if (!r) return model.go(i);
  const { runs } = model.state.ways;
  const step = runs[r].steps[i];
  let best = 0;
  runs[0].steps.forEach((t, k) => (best = Math.abs(t - step) < Math.abs(runs[0].steps[best] - step) ? k : best));
  return model.go(best);
}
