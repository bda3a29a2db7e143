/** The way of the outputs along the first three components, to be turned; the step is marked over its drawing. */

import { LETTERS, axesOf, indexAt, placeOf, placesOf } from "./dynamics_model.mjs";
import { anyOf, hush, onSize, panelBody, tell } from "./network_panel.mjs";
import { boundsOf, stretches, timeShares } from "./dynamics_scale.mjs";
import { createCamera, frameOf, letTurn } from "./dynamics_camera.mjs";
import { element, setAttribute, setText, svg } from "./elements.mjs";
import { boundariesOn, referencesOn } from "./dynamics_marks.mjs";
import { describe } from "./dynamics_words.mjs";
import { goTo } from "./dynamics_plane.mjs";
import { number } from "./format.mjs";
import { looks, paintWays } from "./dynamics_paint.mjs";
import { paintedBy } from "./painters.mjs";

const AXES = [0, 1, 2];
const MARGIN = 22;
const NEAR = 24;

/** Build the panel and return its `update(model, changed)`. */
export function createTurn(model, signal) {
  const camera = createCamera();
  const spinButton = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "turn slowly" });
  const angles = element("span", { class: "turn-angles" });
  const reset = element("button", { type: "button", class: "text-button", text: "reset the view" });
  const body = panelBody("turn", "In three dimensions", angles, spinButton, reset);
  const canvas = paintedBy(element("canvas", { "aria-hidden": "true" }), draw);
  const marks = svg("svg", { class: "turn-marks", "aria-hidden": "true" });
  const node = element("div", { class: "turn-plane", tabindex: 0, role: "application", "aria-roledescription": "drawing to be turned" }, canvas, marks);
  const words = element("p", { class: "turn-words" });
  body.replaceChildren(node, words);
  let scene = null;

  function build() {
    const { ways } = model.state;
    scene = null;
    const flat = !ways || axesOf(ways) < 3;
    node.hidden = Boolean(ways) && flat;
    setText(words, ways ? (flat ? "These ways lie in a plane: there is no third component." : wordsOf(ways)) : "");
    if (flat) return;
    const bounds = boundsOf(ways, AXES);
    scene = {
      ways, bounds, references: referencesOn(ways, AXES, bounds), shares: timeShares(ways.runs[0].steps),
      ways3: ways.runs.map((run) => stretches(run, AXES)), boundaries: boundariesOn(model, ways.runs[0], AXES), ...looks(),
    };
    marks.replaceChildren(svg("line", { class: "turn-stem" }), svg("ellipse", { class: "turn-foot", rx: 4, ry: 2 }),
      ...ways.runs.map((_, r) => svg("g", { class: `turn-mark beside-${r}` }, svg("circle", { r: r ? 6 : 7.5 }), ...(r ? [svg("text", { "text-anchor": "middle", y: 4, text: LETTERS[r] })] : []))));
  }

  function draw() {
    const [width, height] = [node.clientWidth, node.clientHeight];
    if (!scene || !width) return;
    scene.frame = frameOf(scene.bounds, width, height, MARGIN);
    scene.project = (point) => camera.project(point, scene.frame);
    paintWays(canvas, scene, width, height);
    setAttribute(marks, "viewBox", `0 0 ${width} ${height}`);
    setText(angles, camera.words());
    paint();
  }

  function paint() {
    if (!scene?.project) return;
    const [stem, foot, ...dots] = marks.children;
    scene.ways.runs.forEach((run, r) => {
      const i = indexAt(model, run);
      const at = i < 0 ? null : placeOf(run, i, AXES);
      dots[r].style.display = at ? "" : "none";
      if (!r) for (const part of [stem, foot]) part.style.display = at ? "" : "none";
      if (!at) return;
      const [x, y] = scene.project(at).map((v) => v.toFixed(1));
      setAttribute(dots[r], "transform", `translate(${x} ${y})`);
      if (r) return;
      const [fx, fy] = scene.project([at[0], at[1], scene.bounds[2][0]]).map((v) => v.toFixed(1));
      for (const [name, value] of Object.entries({ x1: x, y1: y, x2: fx, y2: fy })) setAttribute(stem, name, value);
      setAttribute(foot, "cx", fx);
      setAttribute(foot, "cy", fy);
    });
    setAttribute(node, "aria-label", labelOf(model, camera));
  }

  const under = (event) => {
    const box = node.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, found] = [NEAR, null];
    scene?.ways3.forEach((parts, r) => parts.flat().forEach(([i, point]) => {
      const [px, py] = scene.project(point);
      const away = Math.hypot(px - x, py - y) + (r ? 3 : 0);
      if (away < best) [best, found] = [away, [r, i]];
    }));
    return found;
  };
  const turning = letTurn(node, camera, signal, {
    moved: () => (hush(), draw()),
    pointed: (event) => { const found = under(event); tell(model, event, found && describe(model, ...found)); },
    clicked: (event) => goTo(model, under(event)),
    spinning: (on) => setAttribute(spinButton, "aria-pressed", String(on)),
  });
  node.addEventListener("pointerleave", hush, { signal });
  spinButton.hidden = !turning.allowed();
  spinButton.addEventListener("click", turning.toggle, { signal });
  reset.addEventListener("click", () => (turning.stop(), camera.reset(), draw()), { signal });
  onSize(node, signal, draw);

  function update(_, changed) {
    const other = anyOf(changed, "ways", "stages", "boundaries", "payload");
    if (other) build();
    else if (scene && changed.has("scheme")) Object.assign(scene, looks());
    if (other || changed.has("scheme")) draw();
    else paint();
  }
  return { update };
}

function wordsOf(ways) {
  const shares = ways.explained.slice(0, 3).reduce((a, b) => a + b, 0);
  return `PC1 to PC3, ${number(100 * shares, 0)} % of the variance; one scale for all three. Drag, or focus and press arrow keys, to turn. The shadow lies on the floor, at the lowest PC3; nearer is wider and stronger.`;
}

function labelOf(model, camera) {
  const { ways, index } = model.state;
  const at = placeOf(ways.runs[0], index, AXES);
  const places = placesOf(ways);
  const told = at ? at.map((v, k) => `PC${k + 1} ${number(v, places)}`).join(", ") : "not measured at this step";
  return `Trajectory in three dimensions, ${camera.words()}; arrow keys turn it. ${told}.`;
}
