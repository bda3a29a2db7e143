/**
 * The curves of a saved page. Where a server is, Python draws them with Plotly; this draws the same
 * figure (dashboard/figures/lanes.py) from the page's data and takes Plotly's place under plot.mjs.
 */

import { VERDICTS, isDoubted } from "./verdicts.mjs";
import { componentCurve, findCurve } from "./payload.mjs";
import { element, svg } from "./elements.mjs";
import { TimeAxis } from "./axis.mjs";
import { headOf } from "./places.mjs";
import { opened } from "./opened.mjs";
import { valueRange } from "./saved_ranges.mjs";

/** The measures of dashboard/figures/lanes.py, in pixels. */
const WIDE = { left: 56, right: 24, head: 16, lane: 80, foot: 28 };
const COMPACT = { left: 40, right: 16, head: 68, lane: 84, foot: 28 };
const MARGIN = 0.06;
/** From one label of a value axis to the next, in pixels, as in dashboard/figures/lanes.py. */
const TICK_ROOM = 14;

/** Put the figure into `place`, and let it be asked for as Plotly's is. */
export function drawLanes(place) {
  const figure = element("div", { class: "js-plotly-plot saved-lanes" });
  const picture = svg("svg", { "aria-hidden": "true" });
  figure.append(picture);
  place.replaceChildren(figure);
  const listeners = [];
  let shown = null;
  figure.on = (_, act) => listeners.push(act);
  figure.once = (name, act) => {
    const first = () => {
      listeners.splice(listeners.indexOf(first), 1);
      act();
    };
    figure.on(name, first);
  };
  const paint = () => shown && paintLanes(picture, figure, shown);
  const done = () => [...listeners].forEach((act) => act());
  window.dash_clientside = {
    set_props(name, { data }) {
      if (name !== "view") return;
      shown = figureOf(data);
      figure.layout = { meta: shown.meta };
      paint();
      done();
    },
  };
  window.Plotly = {
    relayout(_, change) {
      if (!shown) return;
      shown.window = { range: change["xaxis.range"], places: change["xaxis.tickvals"], texts: change["xaxis.ticktext"] };
      paint();
    },
  };
  new ResizeObserver(paint).observe(figure);
}

/** Return the lanes of a view with their curves, and what plot.mjs reads of a figure. */
function figureOf(view) {
  const { payload } = opened().model;
  const frame = view.compact ? COMPACT : WIDE;
  const curves = view.lanes.map((id) => findCurve(payload, view.graph, id)).filter(Boolean);
  const lanes = curves.map((curve) => ({ curve, beside: view.component ? findCurve(payload, view.graph, `${curve.id}@${headOf(view.component)}`) : undefined }));
  const own = view.component && componentCurve(payload, view);
  if (own) lanes.push({ curve: own, own: true });
  lanes.forEach((lane, k) => Object.assign(lane, { top: k * (frame.head + frame.lane) + frame.head, height: frame.lane, range: valueRange([lane.curve, lane.beside].filter(Boolean)) }));
  const axis = new TimeAxis(payload.steps, view.axis, null, payload.run.tokensPerStep);
  const ticks = axis.ticks(600);
  return {
    lanes, frame, axis,
    window: { range: [axis.low, axis.high], places: ticks.map((t) => axis.placeOf(t.step)), texts: ticks.map((t) => axis.label(t.step)) },
    meta: {
      axis: view.axis, extent: [axis.low, axis.high], left: frame.left, right: frame.right, height: lanes.length * (frame.head + frame.lane) + frame.foot,
      lanes: lanes.map(({ curve, own: mine, top, height, range }) => ({ id: mine ? "component" : curve.id, top, height, range })),
    },
  };
}

function paintLanes(picture, figure, { lanes, frame, axis, meta, window: { range, places, texts } }) {
  const width = figure.clientWidth;
  if (width < frame.left + frame.right + 20) return;
  const [low, high] = range;
  const right = width - frame.right;
  const x = (place) => frame.left + ((place - low) / (high - low)) * (right - frame.left);
  const foot = meta.height - frame.foot;
  picture.setAttribute("viewBox", `0 0 ${width} ${meta.height}`);
  picture.setAttribute("width", width);
  picture.setAttribute("height", meta.height);
  const ticks = places.map((place, k) => svg("g", {}, svg("line", { class: "lane-rule", x1: x(place), x2: x(place), y1: foot, y2: foot + 4 }), svg("text", { x: x(place), y: foot + 17, "text-anchor": "middle", text: texts[k] })));
  const clip = svg("clipPath", { id: "saved-lanes-clip" }, svg("rect", { x: frame.left, y: 0, width: right - frame.left, height: meta.height }));
  const curves = svg("g", { "clip-path": "url(#saved-lanes-clip)" }, ...lanes.flatMap((lane) => shapesOf(lane, axis, x)));
  const scales = lanes.flatMap((lane) => scaleOf(lane, frame.left, right));
  picture.replaceChildren(svg("defs", {}, clip), ...scales, ...ticks, curves);
}

/** The ends of a lane's axis, and its zero. */
function scaleOf({ range: [low, high], top, height }, left, right) {
  const y = (value) => top + height * (1 - (value - low) / (high - low));
  const room = (TICK_ROOM * (high - low)) / height;
  const values = low < 0 && high > 0 ? [low, 0, high].filter((value) => value === 0 || Math.abs(value) >= room) : [low, high];
  const zero = low <= 0 && high >= 0 ? [svg("line", { class: "lane-rule", x1: left, x2: right, y1: y(0), y2: y(0) })] : [];
  return [...zero, ...values.map((value) => svg("text", { x: left - 3, y: y(value) + 4, "text-anchor": "end", text: rounded(value) }))];
}

function shapesOf({ curve, beside, own, range: [low, high], top, height }, axis, x) {
  const kind = own ? "selected" : curve.group;
  const y = (value) => top + height * (1 - (value - low) / (high - low));
  const at = (i, value) => `${x(axis.places[i]).toFixed(1)} ${y(value).toFixed(1)}`;
  const line = (of, name) => {
    const parts = stretches(of);
    const d = parts.filter((part) => part.length > 1).map((part) => `M${part.map((i) => at(i, of.values[i])).join("L")}`).join("");
    const alone = parts.filter((part) => part.length === 1).map(([i]) => svg("circle", { class: `saved-dot ${name}`, cx: x(axis.places[i]), cy: y(of.values[i]), r: 2.5 }));
    return [svg("path", { class: `saved-line ${name}`, d }), ...alone];
  };
  const bands = stretches(curve, (i) => Number.isFinite(curve.low[i]) && Number.isFinite(curve.high[i]))
    .map((part) => `M${[...part.map((i) => at(i, curve.low[i])), ...part.toReversed().map((i) => at(i, curve.high[i]))].join("L")}Z`).join("");
  const margin = MARGIN * (high - low);
  const held = (value) => (value > high ? high - margin : value < low ? low + margin : value);
  const marks = [...curve.values.keys()].filter((i) => isDoubted(curve, i))
    .map((i) => svg("path", { class: `saved-mark ${kind}`, d: VERDICTS[curve.verdicts[i]]?.path ?? "", transform: `translate(${at(i, held(curve.values[i]))})` }));
  return [svg("path", { class: `saved-band ${kind}`, d: bands }), ...line(curve, kind), ...(beside ? line(beside, "selected") : []), ...marks];
}

/** Return the unbroken stretches of believed values, as lists of checkpoints. */
function stretches(curve, also = () => true) {
  const found = [];
  let open = null;
  curve.values.forEach((value, i) => {
    const there = Number.isFinite(value) && !isDoubted(curve, i) && also(i);
    if (!there) open = null;
    else if (open) open.push(i);
    else found.push((open = [i]));
  });
  return found;
}

/** Return a number for an axis: no more digits than it needs, a real minus sign. */
function rounded(value) {
  const text = Math.abs(value) < 10_000 ? Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 12 }) : Math.round(value).toLocaleString("en");
  return text.replace("-", "−");
}
