/** The bridge to the Plotly figure of the lanes: asks Python for it, measures it, and zooms it. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, select, setClass, setText } from "./elements.mjs";
import { laneOptions, paintGhost } from "./lanes.mjs";

const VIEW_FIELDS = ["graph", "axis", "lanes", "metric", "component", "scheme", "compact", "smooth", "payload"];
const MOVED = 4;

/**
 * Build the lanes panel's head, follow the figure, and return `update(model, changed)`. The first
 * answer says where the lanes lie before Plotly, which is large, has come to draw them.
 */
export function createPlot(model, lanes, signal) {
  const stage = byId("lanes-stage");
  const place = stage.querySelector(".lanes-figure");
  const head = buildHead(model);
  let figure = null;
  let shown = null;
  // Where Dash fetches Plotly when the first figure comes: lines need the basic bundle only, a quarter of the whole.
  window._dashPlotlyJSURL = place.dataset.plotly;

  function follow() {
    const found = place.querySelector(".js-plotly-plot");
    if (!found && place.dataset.lanes) adopt(JSON.parse(place.dataset.lanes));
    if (!found || found === figure) return;
    figure = found;
    figure.on("plotly_afterplot", () => adopt(figure.layout?.meta));
    adopt(figure.layout?.meta);
  }

  /** Take over where the lanes of a figure lie. */
  function adopt(meta) {
    if (!meta?.lanes.length) return;
    setClass(stage, "drawn", figure !== null);
    if (meta !== shown) {
      shown = meta;
      place.dataset.scheme = meta.scheme;
      stage.style.setProperty("--lanes-height", `${meta.height}px`);
      measure();
      lanes.adopt(meta);
      window_();
    } else measure();
  }

  /** Ask Python for the figure of the view; the first brings what draws it along. */
  function ask() {
    window.dash_clientside.set_props(figure ? "view" : "first-view", { data: viewOf(model) });
  }

  /** Note where the plot area is, in the window; the dock lies under it. */
  function measure() {
    if (!shown) return;
    const box = place.getBoundingClientRect();
    model.place({ left: shown.left, right: shown.right, figure: box });
  }

  /** Move the figure's window to the zoom, with ticks for it. */
  function window_() {
    const { axis } = model;
    if (!figure || !shown || shown.axis !== axis.kind || !window.Plotly) return;
    const ticks = axis.ticks(model.plot.width);
    const range = [axis.low, axis.high];
    const [tickvals, ticktext] = [ticks.map((t) => axis.placeOf(t.step)), ticks.map((t) => axis.label(t.step))];
    const { xaxis = {} } = figure.layout;
    if (near(range, xaxis.range) && near(tickvals, xaxis.tickvals) && ticktext.join() === xaxis.ticktext.join()) return;
    window.Plotly.relayout(figure, { "xaxis.range": range, "xaxis.tickvals": tickvals, "xaxis.ticktext": ticktext });
  }

  const watcher = new MutationObserver(follow);
  watcher.observe(place, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-lanes"] });
  const sizes = new ResizeObserver(() => {
    measure();
    if (shown) window_();
  });
  sizes.observe(stage);
  signal.addEventListener("abort", () => [watcher, sizes].forEach((o) => o.disconnect()));
  follow();
  point(lanes.parts, model, signal);

  function update(_, changed) {
    if (VIEW_FIELDS.some((name) => changed.has(name))) ask();
    if (changed.has("zoom")) window_();
    if (changed.has("payload") || changed.has("graph") || changed.has("lanes")) fillAdd(head.add, model);
    paintHead(head, model);
  }
  return { update, measure };
}

function near(numbers, others = []) {
  return numbers.length === others.length && numbers.every((v, i) => Math.abs(v - others[i]) < 1e-4);
}

function viewOf({ payload, state }) {
  return {
    run: payload.run.name,
    revision: payload.address,
    graph: state.graph,
    axis: state.axis,
    lanes: state.lanes,
    metric: state.metric,
    component: state.component,
    theme: state.scheme,
    compact: state.compact,
    smooth: state.smooth,
  };
}

function buildHead(model) {
  const axis = element("span", { class: "quiet" });
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const add = element("span", { class: "slot" });
  const kinds = createAxisChoice(model);
  byId("lanes-head").replaceChildren(
    element("h2", { text: "Development" }),
    element("span", { class: "panel-step", "data-step": "lanes" }),
    axis,
    element("span", { class: "panel-fact" }, reset, add, kinds.node),
  );
  return { axis, reset, add, kinds };
}

function fillAdd(slot, model) {
  const options = laneOptions(model, (c) => !model.state.lanes.includes(c.id));
  const menu = select(
    { class: "menu", "aria-label": "Add a lane", onchange: (e) => e.target.value && model.set({ lanes: [...model.state.lanes, e.target.value] }) },
    [["", "add lane"], ...options], "",
  );
  slot.replaceChildren(...(options.length && model.state.lanes.length < 8 ? [menu] : []));
}

function paintHead(head, model) {
  const words = { log: "log axis", linear: "linear axis", index: "by checkpoint", tokens: "tokens, log axis" };
  setText(head.axis, words[model.state.axis]);
  head.reset.hidden = !model.state.zoom;
  head.kinds.paint();
}

/** The pointer over the lanes: a line that follows, a click that jumps, a drag that zooms. */
function point(parts, model, signal) {
  const { plane } = parts;
  let start = null;
  let before = null;
  const fraction = (event) => (event.clientX - plane.getBoundingClientRect().left) / plane.clientWidth;

  plane.addEventListener("pointermove", (event) => {
    const now = fraction(event);
    paintGhost(parts, model, start === null ? model.axis.nearest(now) : null);
    if (start === null || Math.abs(now - start) * plane.clientWidth < MOVED) return;
    if (event.pointerType !== "mouse") return model.go(model.axis.nearest(now));
    const [a, b] = [Math.max(0, Math.min(start, now)), Math.min(1, Math.max(start, now))];
    parts.box.hidden = false;
    parts.box.style.left = `${100 * a}%`;
    parts.box.style.width = `${100 * (b - a)}%`;
    return undefined;
  }, { signal });
  plane.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    start = fraction(event);
    if (event.detail < 2) before = model.state.index;
    plane.setPointerCapture(event.pointerId);
  }, { signal });
  plane.addEventListener("pointerup", (event) => {
    const end = fraction(event);
    if (start !== null && Math.abs(end - start) * plane.clientWidth < MOVED) model.go(model.axis.nearest(end));
    else if (start !== null && event.pointerType === "mouse") zoomTo(model, start, end);
    start = null;
    parts.box.hidden = true;
  }, { signal });
  plane.addEventListener("pointercancel", () => ([start, parts.box.hidden] = [null, true]), { signal });
  plane.addEventListener("pointerleave", () => paintGhost(parts, model, null), { signal });
  plane.addEventListener("dblclick", () => model.set({ zoom: null, index: before ?? model.state.index }), { signal });
}

function zoomTo(model, start, end) {
  const { axis, payload } = model;
  const [a, b] = [Math.min(start, end), Math.max(start, end)].map((f) => axis.stepAt(Math.min(1, Math.max(0, f))));
  const low = Math.max(payload.steps[0], a);
  const high = Math.min(payload.steps.at(-1), b);
  const inside = payload.steps.filter((t) => t >= low && t <= high).length;
  if (inside >= 2) model.set({ zoom: [low, high] });
}
