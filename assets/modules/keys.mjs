/** The keyboard: everything the page does, without a pointer. */

import { element } from "./elements.mjs";
import { goToBoundary } from "./stages.mjs";
import { togglePin } from "./pins.mjs";
import { takeTour } from "./tour.mjs";

const KEYS = [
  ["← →", "previous, next checkpoint"],
  ["Shift ← →", "ten checkpoints"],
  ["Home End", "first, last checkpoint"],
  ["Page ↑ ↓", "ten checkpoints"],
  ["[ ]", "previous, next boundary of the LLC’s stages"],
  ["Space", "play, pause"],
  ["R", "play backwards, forwards"],
  ["+ − 0", "zoom in, out, whole run"],
  ["↑ ↓", "in the graph: from component to component"],
  ["Shift ↑ ↓", "in the graph: from layer to layer"],
  ["← → ↑ ↓", "in the drawing in three dimensions: turn it"],
  ["b x", "on Compare: B to A’s step, swap A and B"],
  ["Enter", "select a component, or clear it"],
  ["P", "pin the selected component, or a clicked one with Shift"],
  ["/", "find a component by its name"],
  ["F", "fill the page with the graph, and back"],
  ["Esc", "clear the selection"],
  ["?", "this list"],
];

/** Listen to the keyboard until the page goes. */
export function listenToKeys(model, playback, signal) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isCommand(event) || isTyping(event.target)) return;
    const act = actions(model, playback)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.key === " " && event.target.closest("button, summary, a, [role=button]"))) return;
    event.preventDefault();
    act(event);
  }, { signal });
}

function actions(model, playback) {
  const { index } = model.state;
  const go = (by) => (event) => model.go(index + by * (event.shiftKey ? 10 : 1));
  const find = document.querySelector(".find");
  const slider = document.activeElement?.getAttribute("role") === "slider";
  return {
    ArrowLeft: go(-1),
    ArrowRight: go(1),
    ...(slider ? { ArrowDown: go(-1), ArrowUp: go(1) } : {}),
    PageUp: () => model.go(index + 10),
    PageDown: () => model.go(index - 10),
    Home: () => model.go(0),
    End: () => model.go(Infinity),
    "[": () => goToBoundary(model, -1),
    "]": () => goToBoundary(model, 1),
    " ": () => playback.toggle(),
    "+": () => zoomBy(model, 0.5),
    "=": () => zoomBy(model, 0.5),
    "-": () => zoomBy(model, 2),
    0: () => model.set({ zoom: null }),
    Escape: () => model.set(model.state.large ? { large: false } : { component: null }),
    r: () => playback.toggleReverse(),
    p: () => togglePin(model, document.activeElement?.dataset?.component ?? model.state.component),
    ...(find ? { "/": () => find.focus(), f: () => model.set({ large: !model.state.large }) } : {}),
    "?": showHelp,
  };
}

/** Zoom around the current step. */
function zoomBy(model, factor) {
  const { axis, payload, state } = model;
  const middle = axis.fraction(state.index);
  const [a, b] = [middle - middle * factor, middle + (1 - middle) * factor];
  if (a <= 0 && b >= 1 && factor > 1 && !state.zoom) return;
  const low = Math.max(payload.steps[0], axis.stepAt(a));
  const high = Math.min(payload.steps.at(-1), axis.stepAt(b));
  const whole = low <= payload.steps[0] && high >= payload.steps.at(-1);
  if (whole) model.set({ zoom: null });
  else if (payload.steps.filter((t) => t >= low && t <= high).length >= 2) model.set({ zoom: [low, high] });
}

/** Show the list of keys. */
export function showHelp() {
  let dialog = document.getElementById("help");
  if (!dialog) {
    const rows = KEYS.flatMap(([keys, what]) => [
      element("dt", {}, ...keys.split(" ").map((k) => element("kbd", { text: k }))),
      element("dd", { text: what }),
    ]);
    const close = element("button", { type: "button", class: "text-button", text: "close", onclick: () => dialog.close() });
    const tour = element("button", { type: "button", class: "text-button", text: "take the tour", onclick: () => (dialog.close(), takeTour()) });
    const title = element("h2", { id: "help-title", text: "Keys" });
    dialog = element("dialog", { id: "help", "aria-labelledby": "help-title" },
      element("div", { class: "panel-head" }, title, element("span", { class: "panel-fact" }, tour, close)),
      element("dl", { class: "keys" }, ...rows),
      element("p", { class: "quiet", text: "On the curves: click to jump there, drag to zoom in, double-click for the whole run." }));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
  }
  dialog.showModal();
}

/** Say whether a key is the browser's or the system's; on many keyboards a bracket is typed with Alt or AltGr. */
function isCommand(event) {
  if (event.key === "[" || event.key === "]") return event.metaKey || (event.ctrlKey && !event.getModifierState("AltGraph"));
  return event.altKey || event.ctrlKey || event.metaKey;
}

function isTyping(target) {
  if (document.querySelector("dialog[open]")) return true;
  if (target.matches?.("select, textarea")) return true;
  return target.matches?.("input") && target.type !== "range";
}
