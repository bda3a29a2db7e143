/** What is recommended, by which rule, and the button that makes it the run's settings. */

import { EVERY, isAt, settingText, wordsOf } from "./calibration_model.mjs";
import { byId, element } from "./elements.mjs";
import { step as formatStep } from "./format.mjs";

const NAMES = { step_size: ["step size", "ε"], nbeta: ["inverse temperature", "nβ"], gamma: ["tie", "γ"] };

/** Build the panel and return its `update(changed)`. */
export function createChoice(model) {
  const [head, body] = [byId("choice-head"), byId("choice-body")];
  let busy = false;

  function update(changed) {
    if (!model.sweep() || !["file", "server", "sweep", "step", "pinned"].some((name) => changed.has(name))) return;
    const { step } = model.state;
    const where = step !== EVERY ? `for step ${formatStep(Number(step))}` : model.sweep().steps.length > 1 ? "for every step" : "";
    head.replaceChildren(element("h2", { text: "Recommended" }), element("span", { class: "panel-step", text: where }));
    const { setting, why } = model.choice();
    body.replaceChildren(
      ...(setting ? [numbers(setting)] : [element("p", { class: "choice-none", text: "No setting can be recommended" })]),
      element("p", { class: "choice-why", text: `${why[0].toUpperCase()}${why.slice(1)}.` }),
      ...action(setting),
      element("details", { class: "choice-rule" }, element("summary", { text: "The rule" }), element("p", { text: sentence(model.state.file.rule) })),
    );
  }

  /** Return the button and what it does, or why it does nothing. */
  function action(setting) {
    const aim = chosen(setting);
    const { current } = model.state.file;
    const { chosen: calibrated, readOnly } = model.state.server;
    const own = model.sweep().ofRun;
    if (aim && own && isAt(aim, current)) {
      return [element("p", { class: "choice-used" }, element("strong", { text: "These are the run’s settings." }), " Its LLC is measured with them. Curves by other settings stay, as curves of their own.")];
    }
    const now = `The run’s settings now: ${wordsOf(current)}${calibrated ? ", chosen before" : ", the standard ones"}.`;
    if (!aim) return [element("p", { class: "quiet", text: now })];
    const words = aim === setting ? "Use for this run" : `Use ${wordsOf(aim)}`;
    const button = element("button", { type: "button", class: "action", text: words, disabled: readOnly !== "" || busy, onclick: () => use(aim) });
    return [button, element("p", { class: "quiet", text: readOnly || `${now} Used, these measure every LLC that is computed from then on; curves by other settings stay, as curves of their own.` })];
  }

  /** Return the setting that the button is about: a pinned cell's if it is usable, or the recommended one. */
  function chosen(setting) {
    const { pinned } = model.state;
    const cell = pinned === null ? null : model.sweep().cells[pinned];
    return cell && !cell.problem && !isAt(cell, setting) ? cell : setting;
  }

  async function use(aim) {
    busy = true;
    await model.use(aim);
    busy = false;
    update(new Set(["server"]));
  }
  return { update };
}

function numbers(setting) {
  return element("dl", { class: "choice-numbers" }, ...Object.entries(NAMES).map(([name, [words, letter]]) =>
    element("div", {}, element("dt", { text: `${words} ${letter}` }), element("dd", { "data-setting": name, text: settingText(setting[name]) }))));
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
