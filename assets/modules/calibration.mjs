/** The Calibration page: which settings of the LLC can be trusted, cell by cell, and which the run uses. */

import { byId, element, setText } from "./elements.mjs";
import { createCell } from "./calibration_cell.mjs";
import { createChoice } from "./calibration_choice.mjs";
import { createFlatness } from "./calibration_flatness.mjs";
import { createMaps } from "./calibration_maps.mjs";
import { createModel } from "./calibration_model.mjs";
import { createStart } from "./calibration_start.mjs";
import { debounce } from "./page_model.mjs";
import { fillHead } from "./head.mjs";

const PANELS = [createMaps, createChoice, createFlatness, createCell, createStart];
const PAUSE = 250;

/** Fill the page under `root` until `signal` aborts. */
export async function mountCalibration(root, signal) {
  const model = createModel(root, signal);
  const address = () => `${location.pathname}${model.query()}`;
  const write = debounce(() => history.replaceState(history.state, "", address()), PAUSE, signal);
  document.title = `${model.run}, calibration · Ontogeny`;
  fillHead({ copy: () => new URL(address(), location.href).href, onScheme: (scheme) => model.set({ scheme }), model }, signal);
  if (!(await model.ask()) || signal.aborted) return;
  const spoken = element("p", { class: "spoken", role: "status", "aria-live": "polite" });
  byId("main").append(spoken);
  model.speak = debounce((text) => setText(spoken, text), 400, signal);
  const panels = PANELS.map((create) => create(model, signal));
  const update = (changed) => panels.forEach((panel) => panel.update(changed));
  model.store.subscribe((_, changed) => {
    update(changed);
    write();
  });
  signal.addEventListener("abort", model.store.stop);
  update(new Set(["file", "server", "sweep", "step", "measure", "pinned", "hover", "scheme"]));
}
