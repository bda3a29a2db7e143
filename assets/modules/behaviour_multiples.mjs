/** Every behaviour over training as small multiples on one time axis, section by section. */

import { anyOf, panelBody } from "./network_panel.mjs";
import { createBands } from "./stage_bands.mjs";
import { element, setClass, setText } from "./elements.mjs";
import { GIVES, sectionsOf } from "./behaviour_sections.mjs";
import { createCell } from "./behaviour_cell.mjs";
import { step as formatStep } from "./format.mjs";
import { unmeasured } from "./behaviour_absence.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createMultiples(model, signal) {
  const ends = element("span");
  const body = panelBody("behaviours", "Behaviours", ends);
  let [cells, notes, width] = [[], [], 0];

  const sizes = new ResizeObserver(() => {
    const wide = widthOf(cells);
    if (wide && wide !== width) {
      redraw();
      paint();
    }
  });
  sizes.observe(body);
  signal.addEventListener("abort", () => sizes.disconnect());

  function rebuild() {
    [cells, notes] = [[], []];
    body.replaceChildren(...sectionsOf(model.payload).map(({ title, columns, cells: found, absent }) => {
      const made = found.map((cell) => createCell(cell, model));
      const missing = absent.map((kind) => ({ kind, node: element("p", { class: "behaviour-absent" }) }));
      for (const cell of made) cell.plane.prepend(createBands(model));
      cells.push(...made);
      notes.push(...missing);
      const row = element("div", { class: "behaviour-row" }, ...made.map((cell) => cell.node), ...missing.map(({ node }) => node));
      row.style.setProperty("--columns", columns);
      return element("section", { class: "behaviour-section", "data-section": title }, element("h3", { text: title }), row);
    }));
  }

  /** Cells of sections with other counts of columns have other widths; each is drawn to its own. */
  function redraw() {
    width = widthOf(cells);
    for (const cell of cells) cell.draw((cell.width = cell.plane.clientWidth));
  }

  function paint() {
    const fraction = model.axis.fraction(model.state.index);
    const inside = fraction >= -0.001 && fraction <= 1.001;
    body.style.setProperty("--at", `${(100 * fraction).toFixed(3)}%`);
    setClass(body, "outside", !inside);
    for (const cell of cells) cell.paint(cell.width, inside);
  }

  function update(_, changed) {
    if (changed.has("payload")) rebuild();
    if (anyOf(changed, "payload", "job", "obstacle")) for (const { kind, node } of notes) node.replaceChildren(...unmeasured(model, kind, GIVES[kind]));
    if (anyOf(changed, "payload", "axis", "zoom", "component")) redraw();
    const [first, last] = model.axis.window().map((i) => formatStep(model.payload.steps[i] ?? 0));
    setText(ends, `each from step ${first} to ${last}`);
    paint();
  }
  return { update };
}

function widthOf(cells) {
  return cells[0]?.plane.clientWidth ?? 0;
}
