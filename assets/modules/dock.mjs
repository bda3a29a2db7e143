/** The dock: play, the step, the slider exactly under the lanes' time axis, and what is measured. */

import { byId, element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { createDockStages } from "./dock_stages.mjs";
import { cells, isOpen, KIND_NAMES, totals } from "./coverage.mjs";
import { duration, step as formatStep } from "./format.mjs";
import { nearestIndex } from "./axis.mjs";
import { SPEEDS } from "./playback.mjs";

const COMPACT = matchMedia("(max-width: 1099px)");
/** Beside the buttons, and on a phone above them. */
const [BESIDE, EDGE, CLOSE] = [313, 48, 24];

const ICONS = {
  first: "M4 3v10M13 3 6 8l7 5Z",
  back: "M11 3 5 8l6 5Z",
  play: "M5 3l8 5-8 5Z",
  pause: "M5 3v10M11 3v10",
  next: "M5 3l6 5-6 5Z",
  last: "M12 3v10M3 3l7 5-7 5Z",
};

/** Build the dock and return its `update(model, changed)`. */
export function createDock(model, playback, signal) {
  const stages = createDockStages(model, signal);
  const parts = build(model, playback, stages);
  drag(parts.slider, model, signal);

  function update(_, changed) {
    const { payload, axis, plot } = model;
    if (["payload", "axis", "zoom", "plot", "job"].some((name) => changed.has(name))) {
      parts.lane.style.left = `${plot.left}px`;
      parts.lane.style.width = `${plot.width}px`;
      drawStrip(parts, model);
      drawTicks(parts, axis, plot.width);
      paintStatus(parts, model);
    }
    paint(parts, model);
    stages.update(model, changed);
    setText(parts.total, `of ${payload.steps.length}`);
  }
  return { update };
}

function build(model, playback, stages) {
  const button = (icon, label, key, act) =>
    element("button", { type: "button", class: `icon ${icon}`, "aria-label": label, title: `${label} (${key})`, onclick: act },
      svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[icon] })));
  const play = button("play", "Play", "Space", () => playback.toggle());
  const typed = element("input", { class: "step-box", type: "text", inputmode: "numeric", "aria-label": "Step", onchange: (e) => typeStep(e.target, model), onfocus: (e) => e.target.select() });
  const total = element("span", { class: "quiet" });
  const speed = element("select", { class: "menu", "aria-label": "Speed", onchange: (e) => playback.setSpeed(Number(e.target.value)) },
    ...SPEEDS.map((s) => new Option(`${s}/s`, s, s === playback.speed(), s === playback.speed())));
  const loop = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "loop", onclick: (e) => setAttribute(e.currentTarget, "aria-pressed", String(playback.toggleLoop())) });
  const reverse = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "reverse", title: "Play backwards (R)", onclick: () => playback.toggleReverse() });
  playback.hear((on) => setAttribute(reverse, "aria-pressed", String(on)));
  const status = element("span", { class: "status" });
  const controls = element(
    "div", { class: "controls" },
    element("div", { class: "buttons" },
      button("first", "First checkpoint", "Home", () => model.go(0)),
      button("back", "Previous checkpoint", "←", () => model.go(model.state.index - 1)),
      play,
      button("next", "Next checkpoint", "→", () => model.go(model.state.index + 1)),
      button("last", "Last checkpoint", "End", () => model.go(Infinity)),
      element("label", { class: "step-field" }, element("span", { text: "step" }), typed)),
    element("div", { class: "dock-line" }, speed, loop, reverse, status),
  );
  const fill = element("div", { class: "track-fill" });
  const thumb = element("div", { class: "thumb" });
  const stem = element("div", { class: "stem" });
  const strip = svg("svg", { class: "strip", "aria-hidden": "true", preserveAspectRatio: "none" });
  const ticks = element("div", { class: "ticks", "aria-hidden": "true" });
  const slider = element("div", { class: "slider", role: "slider", tabindex: 0, "aria-label": "Training step", "aria-orientation": "horizontal", "aria-describedby": stages.describedBy },
    stages.bands, element("div", { class: "track" }), fill, strip, stem, thumb);
  const lane = element("div", { class: "dock-lane" }, slider, ticks, stages.row);
  byId("dock").replaceChildren(controls, lane);
  return { play, typed, total, status, slider, fill, thumb, stem, strip, ticks, lane };
}

function typeStep(input, model) {
  const asked = Number(input.value.replaceAll(/[\s,]/g, ""));
  if (input.value.trim() && Number.isFinite(asked)) {
    const index = nearestIndex(model.payload.steps, asked);
    if (model.payload.steps[index] !== asked) model.tell(`No checkpoint at step ${formatStep(asked)}: this is the nearest, ${formatStep(model.payload.steps[index])}.`);
    model.go(index);
  }
  input.blur();
  input.value = formatStep(model.payload.steps[model.state.index]);
}

function drag(slider, model, signal) {
  let held = false;
  const follow = (event) => {
    const box = slider.getBoundingClientRect();
    model.go(model.axis.nearest((event.clientX - box.left) / box.width));
  };
  slider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = true;
    slider.setPointerCapture(event.pointerId);
    slider.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  }, { signal });
  slider.addEventListener("pointermove", (event) => held && follow(event), { signal });
  for (const end of ["pointerup", "pointercancel"]) slider.addEventListener(end, () => (held = false), { signal });
}

function paint(parts, { payload, state, axis, plot }) {
  const fraction = axis.fraction(state.index);
  const clamped = Math.min(1, Math.max(0, fraction));
  const x = (clamped * plot.width).toFixed(1);
  parts.thumb.style.transform = `translateX(${x}px)`;
  parts.stem.style.transform = `translateX(${x}px)`;
  parts.fill.style.transform = `scaleX(${clamped})`;
  setClass(parts.slider, "outside", fraction < -0.001 || fraction > 1.001);
  const step = formatStep(payload.steps[state.index] ?? 0);
  const last = payload.steps.length - 1;
  setAttribute(parts.slider, "aria-valuemin", "0");
  setAttribute(parts.slider, "aria-valuemax", String(Math.max(0, last)));
  setAttribute(parts.slider, "aria-valuenow", String(state.index));
  setAttribute(parts.slider, "aria-valuetext", `step ${step}, checkpoint ${state.index + 1} of ${last + 1}`);
  if (document.activeElement !== parts.typed && parts.typed.value !== step) parts.typed.value = step;
  setAttribute(parts.play.querySelector("path"), "d", state.playing ? ICONS.pause : ICONS.play);
  setAttribute(parts.play, "aria-label", state.playing ? "Pause" : "Play");
}

/** One cell for each checkpoint, from halfway to its neighbours, so that the strip has no holes. */
function drawStrip(parts, { payload, axis, plot, job }) {
  const states = cells(payload, job);
  const width = plot.width;
  setAttribute(parts.strip, "viewBox", `0 0 ${width} 6`);
  const x = (i) => axis.fraction(i) * width;
  const [first, last] = [0, states.length - 1];
  parts.strip.replaceChildren(
    ...states.map((state, i) => {
      const left = i === first ? x(i) - 3 : (x(i - 1) + x(i)) / 2;
      const right = i === last ? x(i) + 3 : (x(i) + x(i + 1)) / 2;
      const wide = Math.min(right - left, 8);
      const start = Math.max(left, x(i) - 4);
      const gap = wide > 5 ? 1.5 : wide > 2.5 ? 0.5 : 0;
      const tall = state === "partial" || state === "missing" ? 3 : 6;
      return svg("rect", { x: start.toFixed(2), y: 6 - tall, width: Math.max(0.6, wide - gap).toFixed(2), height: tall, class: `cell ${state}` });
    }),
  );
}

function drawTicks(parts, axis, width) {
  parts.ticks.replaceChildren(
    ...axis.ticks(width).map(({ step, fraction }) => {
      const tick = element("span", { text: axis.label(step) });
      tick.style.left = `${(fraction * width).toFixed(1)}px`;
      return tick;
    }),
  );
}

function paintStatus(parts, model) {
  const { payload, job } = model;
  const { all, done, failed } = totals(payload);
  const open = isOpen(job);
  let text = failed ? `${formatStep(done)} of ${formatStep(all)}` : `${formatStep(done)} of ${formatStep(all)} measured`;
  if (all === 0) text = "nothing measured";
  else if (done === all) text = `all ${formatStep(all)} measured`;
  if (open) text = progress(job, model.service);
  const children = [element("span", { text })];
  if (failed) children.push(failureMenu(payload, model));
  else if (job?.state === "failed") children.push(element("span", { class: "failed-text", text: job.reason, title: job.reason }));
  if (!open && done < all + (all === 0)) children.push(computeButton(model));
  parts.status.replaceChildren(...children);
}

function progress(job, service) {
  if (!service) return "waiting: no service runs (see Jobs)";
  if (job.state === "queued" && !job.total) return "waiting for a worker";
  const left = job.eta === null ? "" : ` · ${duration(job.eta)} left`;
  return `computing ${formatStep(job.done)} of ${formatStep(job.total)}${left}`;
}

function computeButton(model) {
  if (model.obstacle) return element("span", { class: "quiet", text: "weights not here", title: model.obstacle });
  return element("button", { type: "button", class: "text-button strong", text: "compute", onclick: () => model.compute() });
}

function failureMenu(payload, model) {
  const items = payload.failures.map((f) =>
    element("li", {}, element("button", { type: "button", onclick: () => model.go(nearestIndex(payload.steps, f.step)) },
      element("strong", { text: `step ${formatStep(f.step)}, ${KIND_NAMES[f.kind] ?? f.kind}` }), element("span", { text: f.reason }))));
  return element("details", { class: "failures" }, element("summary", { text: `${payload.failures.length} failed` }), element("ul", { class: "popover" }, ...items));
}

/** Let the slider have the room that the buttons leave, on pages without a time axis of their own. */
export function placeDock(model, signal) {
  const place = () => {
    const wide = document.documentElement.clientWidth;
    const left = COMPACT.matches ? CLOSE : BESIDE;
    model.place({ left, width: wide - left - (COMPACT.matches ? CLOSE : EDGE) });
  };
  const sizes = new ResizeObserver(place);
  sizes.observe(byId("main"));
  signal.addEventListener("abort", () => sizes.disconnect());
  place();
}
