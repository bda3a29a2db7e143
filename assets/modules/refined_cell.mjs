/** One part of the model over training: its curve, its verdicts, and its value at the step. */

import { bandPath, linePath } from "./component_curves.mjs";
import { believed, loneDots, verdictMarks } from "./refined_marks.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { isDoubted, verdictIcon } from "./verdicts.mjs";
import { number } from "./format.mjs";
import { hush, stepAt, tell } from "./network_panel.mjs";
import { placesOf, textAt } from "./component_values.mjs";

const HEIGHT = 72;
const PAD = 5;
const LONE = 2;

/** Return the cell of a part: `node`, `badge(label, sureness)`, `draw(range, width)`, `paint(width)`. */
export function createCell(curve, model) {
  const parts = {
    picture: svg("svg", { "aria-hidden": "true" }),
    dot: element("i", { class: "lane-dot llc" }),
    name: element("button", { type: "button", class: "refined-name", text: curve.component, "aria-pressed": "false", onclick: () => model.toggle(curve.component) }),
    badge: element("span", { class: "kind-badge", hidden: true }),
    verdict: element("span", { class: "verdict-shape" }),
    value: element("span", { class: "value" }),
    error: element("span", { class: "error" }),
    ends: element("div", { class: "refined-ends", "aria-hidden": "true" }, element("span"), element("span")),
  };
  const plane = element("div", { class: "refined-plane", role: "img", "aria-label": `Refined LLC of ${curve.component} over training` }, parts.picture, parts.ends, element("div", { class: "cursor" }), parts.dot);
  const caption = element("figcaption", {}, parts.name, parts.badge, element("span", { class: "refined-value" }, parts.verdict, parts.value, parts.error));
  const node = element("figure", { class: "refined-cell", "data-part": curve.component }, caption, plane);
  const shown = believed(curve);
  let [range, judged] = [[0, 1], ""];
  const y = (v) => PAD + (HEIGHT - 2 * PAD) * (1 - (Math.min(range[1], Math.max(range[0], v)) - range[0]) / (range[1] - range[0]));
  listen(plane, curve, model);

  /** Say to which kind of curve it belongs: its colour and a letter, with a mark of doubt where that is not sure. */
  function badge(kind) {
    parts.badge.hidden = !kind;
    setClass(node, "kinded", Boolean(kind));
    node.style.setProperty("--kind", kind ? kind.colour : "var(--llc)");
    if (!kind) return;
    setText(parts.badge, kind.letter + (kind.sure ? "" : "?"));
    setClass(parts.badge, "unsure", !kind.sure);
    setAttribute(parts.badge, "title", kind.words);
  }

  function draw(newRange, width) {
    range = newRange;
    const places = placesOf(curve);
    [...parts.ends.children].forEach((end, i) => setText(end, number(range[1 - i], places)));
    setAttribute(parts.picture, "viewBox", `0 0 ${width} ${HEIGHT}`);
    const steps = model.payload.steps.length;
    const x = (i) => model.axis.fraction(i) * width;
    parts.picture.replaceChildren(
      svg("path", { class: "refined-band", d: bandPath(shown, steps, x, y) }),
      svg("path", { class: "refined-line", d: linePath(shown.values, steps, x, y) }),
      ...loneDots(shown, x, y, LONE), ...verdictMarks(curve, x, y, range),
    );
  }

  function paint(width, inside) {
    const { index, component } = model.state;
    const value = curve.values[index];
    const seen = inside && Number.isFinite(value);
    parts.dot.style.display = seen ? "" : "none";
    if (seen) parts.dot.style.transform = `translate(${(model.axis.fraction(index) * width).toFixed(1)}px,${y(value).toFixed(1)}px)`;
    const verdict = curve.verdicts[index] ?? "";
    const text = textAt(curve, index);
    const doubted = isDoubted(curve, index) || verdict === "diverged";
    if (judged !== (doubted ? verdict : "")) parts.verdict.replaceChildren(...(doubted ? [verdictIcon(verdict)] : []));
    judged = doubted ? verdict : "";
    setAttribute(parts.verdict, "title", doubted ? `${verdict}: ${curve.reasons[index]}` : "");
    setClass(parts.dot, "doubted", doubted);
    setText(parts.value, text.value || (verdict === "diverged" ? verdict : "not measured"));
    setClass(parts.value, "absent", !text.value);
    setText(parts.error, text.error);
    setClass(node, "selected", component === curve.component);
    setAttribute(parts.name, "aria-pressed", String(component === curve.component));
  }
  return { curve, node, plane, badge, draw, paint };
}

/** A click goes to the nearest checkpoint; the pointer tells the number there, and why to doubt it. */
function listen(plane, curve, model) {
  const at = (event) => {
    const box = plane.getBoundingClientRect();
    return model.axis.nearest((event.clientX - box.left) / box.width);
  };
  plane.addEventListener("click", (event) => model.go(at(event)));
  plane.addEventListener("pointerleave", hush);
  plane.addEventListener("pointermove", (event) => {
    const index = at(event);
    const { value, error } = textAt(curve, index);
    const verdict = curve.verdicts[index];
    const rows = [["refined λ̂", value ? [value, error].filter(Boolean).join(" ") : "not measured"], ...(verdict ? [["verdict", verdict]] : [])];
    tell(model, event, { title: curve.component, rows, words: verdict ? curve.reasons[index] : "", foot: stepAt(model, index) });
  });
}
