/** The head of the Dynamics page: the place of the step in a line, the runs beside, the time axis; and why there is nothing. */

import { createAxisChoice } from "./axis_choice.mjs";
import { byId, element, setAttribute, setClass, setText } from "./elements.mjs";
import { anyOf, onSize } from "./network_panel.mjs";
import { summary } from "./dynamics_words.mjs";
import { unmeasured } from "./behaviour_absence.mjs";

const MOST = 4;
const FEWEST = 4;
const LOADING = "Finding the way of the outputs …";

/** Build the head and return its `update(model, changed)`. */
export function createChoice(model, signal) {
  const words = element("span", { class: "dynamics-summary" });
  const runs = element("details", { class: "metric-menu dynamics-runs" }, element("summary", { class: "menu", text: "beside" }), element("div", { class: "popover" }));
  const reset = element("button", { class: "text-button", type: "button", text: "whole run", onclick: () => model.set({ zoom: null }) });
  const kinds = createAxisChoice(model);
  byId("dynamics-choice").replaceChildren(
    element("span", { class: "panel-step", "data-step": "choice" }), words,
    element("span", { class: "panel-fact" }, runs, reset, kinds.node),
  );
  const state = byId("dynamics-state");
  const plane = element("div", { class: "time-plane" });
  state.after(element("div", { class: "time-row dynamics-ruler", "aria-hidden": "true" }, element("div", { class: "gutter" }), plane));
  onSize(plane, signal, () => {
    const { left, width } = plane.getBoundingClientRect();
    model.place({ left, width });
  });

  function update(_, changed) {
    if (changed.has("facts")) fillRuns(runs, model);
    if (anyOf(changed, "facts", "ways", "trouble", "obstacle", "job", "payload")) fillState(state, model);
    setText(words, summary(model));
    setAttribute(words, "title", words.textContent);
    reset.hidden = !model.state.zoom;
    kinds.paint();
  }
  return { update };
}

/** Every other run, those that cannot be drawn with the reason. */
function fillRuns(menu, model) {
  const { facts } = model.state;
  const [title, list] = menu.children;
  setText(title, facts?.beside.length ? `beside ${facts.beside.length === 1 ? facts.beside[0] : `${facts.beside.length} runs`}` : "beside no other run");
  if (!facts) return;
  const toggle = (name, on) => model.set({ beside: (on ? [...facts.beside, name] : facts.beside.filter((other) => other !== name)).join() });
  const row = ({ name, reason }) => {
    const chosen = facts.beside.includes(name);
    const closed = reason || (!chosen && facts.beside.length >= MOST ? `at most ${MOST} at a time` : "");
    return element("label", { class: closed ? "closed" : null },
      element("input", { type: "checkbox", value: name, checked: chosen, disabled: Boolean(closed), onchange: (e) => toggle(name, e.target.checked) }),
      element("span", { text: name }), element("small", { text: closed }));
  };
  const sorted = [...facts.others].sort((a, b) => Boolean(a.reason) - Boolean(b.reason));
  const none = element("p", { class: "quiet", text: "No other run is in this store." });
  list.replaceChildren(...(sorted.length ? [element("p", { class: "dynamics-hint", text: "One set of axes for all runs that are drawn:" }), ...sorted.map(row)] : [none]));
}

/** What stands in place of the panels: what outputs are, why there are none, and how to get them. */
function fillState(node, model) {
  const { facts, ways, trouble } = model.state;
  const empty = Boolean(facts && !ways) || trouble !== "";
  setClass(byId("main"), "without-ways", empty);
  setClass(byId("main"), "waiting", !empty && !ways);
  if (ways) return node.replaceChildren();
  if (trouble) return node.replaceChildren(element("p", { text: trouble }));
  if (!facts) return node.replaceChildren(element("p", { class: "quiet", text: LOADING }));
  const what = "The outputs of every checkpoint on the same inputs are points in one space. Drawn along its main axes, they show where training went, where it turned, and which simple predictors it passed (Hoogland et al. 2024).";
  const offer = element("div", { class: "dynamics-offer" }, ...unmeasured(model, "outputs", facts.measured ? "the other checkpoints" : ""));
  return node.replaceChildren(
    element("p", {}, element("strong", { text: facts.measured ? facts.reason : "No outputs are measured yet." })),
    element("p", { text: what }),
    ...(facts.measured >= FEWEST ? [] : [offer]),
  );
}
