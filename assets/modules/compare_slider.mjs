/** The second slider: where B stands, below the first on the same time axis. Shift moves it from the first one too. */

import { alignmentOf } from "./across_model.mjs";
import { anyOf } from "./network_panel.mjs";
import { byId, element, setAttribute, setClass } from "./elements.mjs";
import { placesOf, shareOf } from "./across_lines.mjs";
import { step as formatStep } from "./format.mjs";

/** Build the slider in the dock and return its `update(model, changed)`. */
export function createSlider(model, signal) {
  const thumb = element("div", { class: "thumb-b", "aria-hidden": "true", text: "B" });
  const stem = element("div", { class: "stem-b", "aria-hidden": "true" });
  const node = element("div", { class: "slider-b", role: "slider", tabindex: 0, "aria-label": "Step of B", "aria-orientation": "horizontal", title: "B; Shift and drag on the slider above moves B too" }, stem, thumb);
  const lane = byId("dock").querySelector(".dock-lane");
  lane.append(node);
  drag(node, lane.querySelector(".slider"), model, signal);
  listen(node, model, signal);
  let shares = [];

  function update(_, changed) {
    const { state } = model;
    if (anyOf(changed, "payload", "beside", "across", "turns", "by", "axis", "zoom", "other")) shares = sharesOf(model);
    model.sharesOfB = shares;
    const share = shares[state.against];
    const seen = share >= -0.001 && share <= 1.001;
    const x = `${(Math.min(1, Math.max(0, share || 0)) * model.plot.width).toFixed(1)}px`;
    thumb.style.transform = stem.style.transform = `translateX(${x})`;
    setClass(node, "outside", !seen);
    describe(node, model);
  }
  return { update };
}

/** Where B's checkpoints lie in the window: by the chosen alignment, or by their steps where there is none. */
function sharesOf(model) {
  const { beside, across } = model.state;
  if (!beside) return [];
  const aligned = across?.mode === "pair" && across.runs[1].steps.length === beside.steps.length && alignmentOf(model) && !alignmentOf(model).reason;
  const places = aligned ? placesOf(model, 1) : beside.steps;
  return Array.from(places, (step) => shareOf(model.axis, step));
}

function describe(node, { state }) {
  const steps = state.beside?.steps ?? [];
  setAttribute(node, "aria-valuemin", "0");
  setAttribute(node, "aria-valuemax", String(Math.max(0, steps.length - 1)));
  setAttribute(node, "aria-valuenow", String(Math.max(0, state.against)));
  setAttribute(node, "aria-valuetext", state.against < 0 ? "loading" : `step ${formatStep(steps[state.against])}, checkpoint ${state.against + 1} of ${steps.length}`);
}

/** Both tracks are dragged alike; on the first one only while Shift is held. */
function drag(node, first, model, signal) {
  let held = null;
  const follow = (event) => {
    const box = node.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    let best = -1;
    model.sharesOfB.forEach((at, i) => {
      if (Number.isFinite(at) && (best < 0 || Math.abs(at - share) < Math.abs(model.sharesOfB[best] - share))) best = i;
    });
    if (best >= 0) model.goAgainst(best);
  };
  const start = (track) => (event) => {
    if (event.button !== 0 || (track === first && !event.shiftKey)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    held = track;
    track.setPointerCapture(event.pointerId);
    node.focus({ preventScroll: true });
    follow(event);
  };
  for (const track of [node, first]) {
    track.addEventListener("pointerdown", start(track), { signal, capture: true });
    track.addEventListener("pointermove", (event) => held === track && follow(event), { signal });
    for (const end of ["pointerup", "pointercancel"]) track.addEventListener(end, () => (held = null), { signal });
  }
}

/** Keys on B's slider move B alone; b and x work everywhere. */
function listen(node, model, signal) {
  node.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 10 : 1;
    const { against } = model.state;
    const to = { ArrowLeft: against - by, ArrowDown: against - by, ArrowRight: against + by, ArrowUp: against + by, PageUp: against + 10, PageDown: against - 10, Home: 0, End: Infinity }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    model.goAgainst(to);
  }, { signal });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, select, textarea, dialog[open]")) return;
    if (event.key.toLowerCase() === "b") model.pin();
    if (event.key.toLowerCase() === "x") model.swap();
  }, { signal });
}
