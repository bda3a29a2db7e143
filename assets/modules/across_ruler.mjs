/** The second run's own steps under the lanes: where they lie on the slider's axis. */

import { alignmentOf } from "./across_model.mjs";
import { element, setText } from "./elements.mjs";
import { letter, shareOf } from "./across_lines.mjs";
import { step as formatStep } from "./format.mjs";

const ROOM = 52;

/** Return the ruler: `node`, its `plane`, `draw()` for another axis or alignment, `paint()`. */
export function createRuler(model) {
  const label = element("span", { class: "lane-unit" });
  const plane = element("div", { class: "across-ruler", "aria-hidden": "true" });
  const node = element("div", { class: "time-row across-ruler-row" }, element("div", { class: "gutter" }, label), plane);

  function draw() {
    const { across } = model.state;
    const found = across?.mode === "pair" ? alignmentOf(model) : null;
    node.classList.toggle("unmarked", !found || Boolean(found.reason));
    setText(label, found && !found.reason ? `steps of ${letter(1)}` : "");
    plane.replaceChildren(...(found && !found.reason ? ticksOf(model, across.runs[1].steps, found.steps, plane.clientWidth) : []));
  }
  return { node, plane, draw, paint() {} };
}

/** Round steps of the second run, the roundest first, where there is room. */
function ticksOf({ axis }, steps, places, width) {
  const kept = [];
  const last = steps.at(-1) ?? 0;
  const wanted = [steps[0] ?? 0, last];
  for (const factor of [1, 5, 2, 3, 7]) for (let power = 1; factor * power < last; power *= 10) wanted.push(factor * power);
  for (const step of wanted) {
    const share = shareOf(axis, placeBetween(steps, places, step));
    if (!(share >= -1e-6 && share <= 1 + 1e-6)) continue;
    if (kept.every((k) => Math.abs(k.share - share) * width > ROOM)) kept.push({ step, share });
  }
  return kept.map(({ step, share }) => {
    const tick = element("span", { text: formatStep(step) });
    tick.style.left = `${(share * width).toFixed(1)}px`;
    return tick;
  });
}

/** Return where a step between two checkpoints lies, straight in ln(1 + t); NaN outside of the run. */
function placeBetween(steps, places, step) {
  const after = steps.findIndex((t) => t >= step);
  if (after < 0 || (after === 0 && steps[0] !== step)) return NaN;
  if (steps[after] === step) return places[after];
  const [x0, x1] = [Math.log1p(steps[after - 1]), Math.log1p(steps[after])];
  const [y0, y1] = [Math.log1p(places[after - 1]), Math.log1p(places[after])];
  return Math.expm1(y0 + ((Math.log1p(step) - x0) / (x1 - x0)) * (y1 - y0));
}
