/** Heat maps of a sweep: one for each step and gamma, step size across and n beta up. */

import { EVERY, MEASURES, isAt, settingText, wordsOf } from "./calibration_model.mjs";
import { HEALTHY, VERDICTS, verdictIcon } from "./verdicts.mjs";
import { byId, element, select, setAttribute, setClass } from "./elements.mjs";
import { legendOf, scaleOf, shader, shadesOf } from "./heat.mjs";
import { step as formatStep } from "./format.mjs";

const WILD = ["frozen", "diverged"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Build the panel and return its `update(changed)`. */
export function createMaps(model, signal) {
  const [head, body] = [byId("maps-head"), byId("maps-body")];
  let cells = new Map();

  function update(changed) {
    const sweep = model.sweep();
    setClass(byId("main"), "uncalibrated", !sweep);
    if (!sweep) return void (changed.has("file") && fillEmpty(head, body));
    if (["file", "sweep", "step", "measure", "scheme"].some((name) => changed.has(name))) draw(sweep);
    mark();
    return undefined;
  }

  function draw(sweep) {
    fillHead(head, model, sweep);
    const held = cells.size && body.contains(document.activeElement) ? Number(document.activeElement.dataset.cell) : -1;
    const measure = MEASURES[model.state.measure];
    const values = sweep.values[model.state.measure];
    const scale = scaleOf(values.filter((_, i) => !WILD.includes(sweep.cells[i].verdict)), { signed: measure.signed ?? false, low: measure.low ?? null, high: measure.high ?? null });
    const shade = shader(scale, shadesOf(scale));
    cells = new Map();
    const rows = model.steps().map((step) => mapsAt(model, sweep, step, (i) => {
      const node = cellNode(model, sweep, i, shade(values[i]), measure);
      cells.set(i, node);
      return node;
    }));
    const legend = legendOf(scale, measure.unit);
    body.replaceChildren(element("div", { class: "map-rows", role: "group", "aria-label": `Cells by ${measure.label}` }, ...rows), element("div", { class: "map-foot" }, legend, keysOf(model, sweep)));
    cells.get(held)?.focus();
  }

  /** Mark the cell that is told about, and the one recommended; one cell is in the way of the tab key. */
  function mark() {
    const [shown, { setting }] = [model.shown(), model.choice()];
    for (const [i, node] of cells) {
      setClass(node, "shown", i === shown);
      setClass(node, "recommended", isAt(model.sweep().cells[i], setting));
      setAttribute(node, "aria-pressed", String(i === model.state.pinned));
      node.tabIndex = i === shown ? 0 : -1;
    }
  }

  const cellOf = (event) => event.target.closest?.("[data-cell]")?.dataset.cell ?? null;
  const look = (event) => {
    const at = cellOf(event);
    if (at !== null) model.set({ hover: Number(at) });
  };
  body.addEventListener("pointerover", look, { signal });
  body.addEventListener("pointerleave", () => model.set({ hover: null }), { signal });
  body.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && look(event), { signal });
  body.addEventListener("focusout", () => model.set({ hover: null }), { signal });
  body.addEventListener("click", (event) => {
    const at = cellOf(event);
    if (at !== null) model.set({ pinned: Number(at) === model.state.pinned ? null : Number(at) });
  }, { signal });
  body.addEventListener("keydown", (event) => {
    const [at, move] = [cellOf(event), ARROWS[event.key]];
    if (at === null || !move) return;
    event.preventDefault();
    cells.get(neighbour(model.sweep(), Number(at), move))?.focus();
  }, { signal });
  return { update };
}

function fillHead(head, model, sweep) {
  const { file, measure, step } = model.state;
  const which = file.sweeps.length > 1
    ? select({ class: "menu", "aria-label": "Calibration", onchange: (e) => model.show({ sweep: e.target.value, step: EVERY }) }, file.sweeps.map((s) => [s.id, s.text]), sweep.id)
    : element("span", { class: "panel-settings", text: sweep.text });
  const steps = [[EVERY, "every step"], ...sweep.steps.map((t) => [String(t), formatStep(t)])];
  const segments = steps.map(([value, text]) => element("button", { type: "button", text, "aria-pressed": String(value === step), onclick: () => model.show({ step: value }) }));
  const by = select({ class: "menu", "aria-label": "Colour cells by", onchange: (e) => model.set({ measure: e.target.value }) }, Object.entries(MEASURES).map(([id, m]) => [id, m.label]), measure);
  head.replaceChildren(
    element("h2", { text: "Calibration" }), element("span", { class: "slot" }, which),
    element("span", { class: "panel-fact" }, by, ...(sweep.steps.length > 1 ? [element("span", { class: "segments", role: "group", "aria-label": "Step" }, ...segments)] : [element("span", { text: `step ${formatStep(sweep.steps[0])}` })])),
  );
}

/** Return the maps of one step, a column for each gamma. */
function mapsAt(model, sweep, step, nodeOf) {
  const found = new Map(model.cellsAt(step).map((i) => [keyOf(sweep.cells[i]), i]));
  const nbetas = [...sweep.nbetas].reverse();
  const maps = sweep.gammas.map((gamma, g) => {
    const rows = nbetas.flatMap((nbeta) => [
      element("span", { class: "map-nbeta", text: settingText(nbeta) }),
      ...sweep.stepSizes.map((step_size) => {
        const i = found.get(keyOf({ step_size, nbeta, gamma }));
        return i === undefined ? element("span", { class: "map-none", title: "not measured" }) : nodeOf(i);
      }),
    ]);
    const across = [element("span", { class: "map-corner", text: "nβ ↑ ε →" }), ...sweep.stepSizes.map((v) => element("span", { class: "map-step-size", text: settingText(v) }))];
    const map = element("div", { class: g ? "map" : "map first" }, ...rows, ...across);
      return element("figure", { class: "map-figure" }, element("figcaption", { text: `γ ${settingText(gamma)}` }), map);
  });
  const row = element("div", { class: "map-row" }, ...maps);
  // The first map has the names of all rows beside it.
  row.style.setProperty("--maps", ["minmax(0, 1.18fr)", ...sweep.gammas.slice(1).map(() => "minmax(0, 1fr)")].join(" "));
  row.style.setProperty("--columns", sweep.stepSizes.length);
  return element("section", { class: "map-section", "aria-label": `step ${formatStep(step)}` }, element("h3", { class: "map-step", text: `step ${formatStep(step)}`, hidden: sweep.steps.length < 2 }), row);
}

function cellNode(model, sweep, i, packedColour, measure) {
  const cell = sweep.cells[i];
  const text = cell.failed ? "" : measure.text(sweep.values[model.state.measure][i]);
  const doubted = cell.verdict !== HEALTHY;
  const names = ["map-cell", doubted && "doubted", cell.failed && "failed", !cell.problem && "usable", sweep.ofRun && isAt(cell, model.state.file.current) && "of-run"];
  const label = `step ${formatStep(cell.step)}, ${wordsOf(cell)}: ${cell.failed ? "failed" : `${measure.label} ${text}`}, ${cell.problem || "usable"}`;
  const node = element("button", { type: "button", class: names.filter(Boolean).join(" "), "data-cell": i, "aria-label": label },
    ...(cell.failed || (cell.problem && !doubted) ? [] : [verdictIcon(cell.verdict)]), element("span", { text }));
  if (packedColour && !cell.failed) {
    const rgb = [packedColour & 255, (packedColour >> 8) & 255, (packedColour >> 16) & 255];
    node.style.setProperty("--cell", `rgb(${rgb.join(" ")})`);
    if (!doubted) node.style.color = luminance(rgb) > 0.18 ? "#000000" : "#ffffff";
  }
  return node;
}

/** Return the relative luminance of a colour (WCAG 2), 0 to 1. */
function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c <= 10 ? c / 3295 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Return the keys to what marks cells have, with the count of each verdict at the steps shown. */
function keysOf(model, sweep) {
  const shown = model.steps().flatMap((step) => model.cellsAt(step)).map((i) => sweep.cells[i]);
  const usable = shown.filter((cell) => !cell.problem).length;
  const failed = shown.filter((cell) => cell.failed).length;
  const key = (mark, text, title = null) => element("span", { class: "key", title }, mark, text);
  const verdicts = Object.keys(VERDICTS).reverse().filter((v) => v !== HEALTHY).map((v) => [v, shown.filter((c) => c.verdict === v && !c.failed).length]);
  return element("div", { class: "map-keys" },
    ...(model.choice().setting ? [key(element("i", { class: "key-mark recommended" }), "recommended")] : []),
    ...(sweep.ofRun ? [key(element("i", { class: "key-mark of-run" }), "the run’s settings")] : []),
    key(verdictIcon(HEALTHY), `usable ${usable} of ${shown.length}`),
    ...verdicts.filter(([, count]) => count).map(([v, count]) => key(verdictIcon(v), `${v} ${count}`, VERDICTS[v].meaning)),
    ...(failed ? [key(element("i", { class: "key-mark failed" }), `failed ${failed}`, "most chains did not stay finite")] : []));
}

/** Return the index of the cell beside another: across goes on into the next gamma's map. */
function neighbour(sweep, i, [dx, dy]) {
  const cell = sweep.cells[i];
  const width = sweep.stepSizes.length;
  const column = sweep.gammas.indexOf(cell.gamma) * width + sweep.stepSizes.indexOf(cell.step_size);
  for (let n = 1; n < width * sweep.gammas.length; n++) {
    const [x, y] = [column + n * dx, sweep.nbetas.indexOf(cell.nbeta) + n * dy];
    const aim = { step_size: sweep.stepSizes[x % width], gamma: sweep.gammas[Math.floor(x / width)], nbeta: sweep.nbetas[y] };
    const at = sweep.cells.findIndex((c) => c.step === cell.step && isAt(c, aim));
    if (at >= 0) return at;
  }
  return i;
}

function keyOf({ step_size, nbeta, gamma }) {
  return [step_size, nbeta, gamma].join();
}

function fillEmpty(head, body) {
  head.replaceChildren(element("h2", { text: "Calibration" }), element("span", { class: "panel-step", text: "none yet" }));
  body.replaceChildren(element("div", { class: "calibration-empty" },
    element("p", { text: "A local learning coefficient is what short random walks around a checkpoint say it is. Too long a step, too loose or too tight a tie, or too few draws, and they say something else, often without looking wrong." }),
    element("p", { text: "A calibration tries a grid of settings at a few checkpoints: step size ε, inverse temperature nβ and tie γ. It shows what each makes of the estimate, names what is wrong with it, and recommends the settings that can be trusted." })));
}
