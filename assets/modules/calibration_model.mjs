/** The model of the Calibration page: the run's sweeps, what of them is looked at, and what is under way. */

import { createState } from "./state.mjs";
import { decode } from "./payload.mjs";
import { isOpen } from "./coverage.mjs";
import { note } from "./note.mjs";
import { post } from "./live.mjs";
import { scheme } from "./head.mjs";
import { number, step as formatStep } from "./format.mjs";

const PERIOD = 3000;
export const EVERY = "every";

/** What cells are coloured by: a label, a unit, how a value is written, and whether 0 is the middle. */
export const MEASURES = {
  llc: { label: "estimate", unit: "local learning coefficient", text: short },
  relativeError: { label: "relative error", unit: "standard error, share of the estimate", text: percent },
  rhat: { label: "R-hat", unit: "R-hat: 1 where the chains agree", text: (v) => number(v, 2), low: 1 },
  rise: { label: "rise of the loss", unit: "mean rise along the chains, in the unit of the loss", text: (v) => number(v, v < 0.1 ? 3 : 2) },
  drift: { label: "drift", unit: "last half of the draws minus the first", text: short, signed: true },
  acceptance: { label: "MALA acceptance", unit: "acceptance of a Metropolis test: 1 where a step is exact", text: (v) => number(v, 2), low: 0, high: 1 },
};

/** Return a number to three digits, as people write it. */
export function digits(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size === 0 || (size >= 1e-3 && size < 1e5) ? String(Number(size.toPrecision(3))) : size.toExponential(1);
  return (value < 0 && Number(text) ? "\u2212" : "") + text;
}

/** Return a number as a cell has room for it: to three digits, or to hundredths. */
function short(value) {
  const size = Math.abs(value);
  return number(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

/** Return a setting's value: step sizes as powers of ten, others with separators. */
export function settingText(value) {
  if (value >= 1e-3 && value < 1e6) return formatStep(value);
  return value.toExponential().replace("e-", "e\u2212").replace("e+", "e");
}

/** Return a setting in a few words. */
export function wordsOf(cell) {
  return `ε ${settingText(cell.step_size)} · nβ ${settingText(cell.nbeta)} · γ ${settingText(cell.gamma)}`;
}

/** Say whether a cell has a setting. */
export function isAt(cell, setting) {
  return Boolean(setting) && ["step_size", "nbeta", "gamma"].every((name) => cell[name] === setting[name]);
}

function percent(value) {
  return Number.isFinite(value) ? `${number(100 * value, value < 0.0995 ? 1 : 0)} %` : "–";
}

/** Return the model of the page under `root`. */
export function createModel(root, signal) {
  const { run, prefix } = root.dataset;
  const asked = new URLSearchParams(location.search);
  const store = createState({
    file: null, server: null, sweep: asked.get("calibration") ?? "", step: EVERY,
    measure: asked.get("measure") in MEASURES ? asked.get("measure") : "llc", pinned: null, hover: null, scheme: scheme(),
  });
  const path = `${prefix}api/calibration/${encodeURIComponent(run)}`;
  let [timer, wanted] = [0, asked.get("step")];
  const model = { store, run, prefix, state: store.get(), set: store.set, speak: () => {} };

  /** The sweep that is looked at; undefined while there is none. */
  model.sweep = () => model.state.file?.sweeps.find((s) => s.id === model.state.sweep) ?? model.state.file?.sweeps[0];
  /** The steps that are looked at. */
  model.steps = () => (model.state.step === EVERY ? (model.sweep()?.steps ?? []) : [Number(model.state.step)]);
  /** What is recommended for those steps: {setting, why}. */
  model.choice = () => model.sweep()?.choices[model.state.step] ?? { setting: null, why: "" };
  /** The indices of the sweep's cells at a step. */
  model.cellsAt = (step) => model.sweep().cells.flatMap((cell, i) => (cell.step === step ? [i] : []));
  /** The index of the cell that is told about: under the pointer, or pinned, or recommended; -1 for none. */
  model.shown = () => {
    const { hover, pinned } = model.state;
    const inside = (i) => i !== null && model.steps().includes(model.sweep().cells[i]?.step);
    if (inside(hover)) return hover;
    if (inside(pinned)) return pinned;
    const steps = model.steps();
    const at = model.sweep().cells.findLastIndex((c) => steps.includes(c.step) && isAt(c, model.choice().setting));
    return at >= 0 ? at : model.sweep().cells.findIndex((c) => steps.includes(c.step));
  };
  model.value = (i, measure = model.state.measure) => model.sweep().values[measure][i];
  model.query = () => {
    const query = new URLSearchParams({ run });
    const { file, sweep, step, measure } = model.state;
    if (sweep && sweep !== file?.sweeps[0]?.id) query.set("calibration", sweep);
    if (step !== EVERY) query.set("step", step);
    if (measure !== "llc") query.set("measure", measure);
    return `?${query}`;
  };
  model.show = (fields) => model.set({ ...fields, pinned: null, hover: null });
  model.start = async (steps) => tell(await post(`${path}/start`, { steps }));
  model.use = async ({ step_size, nbeta, gamma }) => tell(await post(`${path}/use`, { sweep: model.sweep().id, setting: { step_size, nbeta, gamma } }));

  function tell(refused) {
    if (refused) note(refused);
    return model.ask();
  }

  /** Ask where the run's sweeps are now, and fetch them if they are others; say whether that went well. */
  model.ask = async () => {
    clearTimeout(timer);
    try {
      const response = await fetch(path, { signal });
      if (!response.ok) throw new Error(`the calibrations of this run could not be loaded (${response.status})`);
      const server = await response.json();
      const file = server.sweeps === model.state.server?.sweeps ? model.state.file : await fetchFile(server.sweeps, signal);
      adopt(server, file);
      if (isOpen(server.job)) timer = setTimeout(model.ask, PERIOD);
      return true;
    } catch (error) {
      if (error.name === "AbortError") return false;
      note(`${error.message}; reload the page.`);
      timer = setTimeout(model.ask, 4 * PERIOD);
      return false;
    }
  };

  /** Take over what the server said; a cell stays itself where others came before it. */
  function adopt(server, file) {
    const { pinned } = model.state;
    const kept = pinned === null ? null : model.sweep().cells[pinned];
    model.set({ server, file, hover: null });
    const sweep = model.sweep();
    const steps = (sweep?.steps ?? []).map(String);
    if (wanted && !steps.includes(wanted)) note(`Step ${wanted} has no calibration: every step that has one is shown.`);
    const step = steps.includes(wanted ?? String(model.state.step)) ? (wanted ?? model.state.step) : EVERY;
    wanted = null;
    const place = kept ? sweep.cells.findIndex((cell) => cell.step === kept.step && isAt(cell, kept)) : -1;
    model.set({ step: String(step), pinned: place < 0 ? null : place });
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", () => document.hidden || model.ask(), { signal });
  return model;
}

async function fetchFile(address, signal) {
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`the calibrations of this run could not be loaded (${response.status})`);
  return decode(await response.arrayBuffer());
}
