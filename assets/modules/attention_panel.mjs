/** What the chosen head attends to at the chosen checkpoint, or why that is not known and what helps. */

import { byId, element, select, setClass } from "./elements.mjs";
import { failureAt, isOpen } from "./coverage.mjs";
import { fetchPatterns, label, patternsHere } from "./attention_data.mjs";
import { createAsking } from "./live.mjs";
import { createMap } from "./attention_map.mjs";
import { headOf } from "./places.mjs";
import { nearestIndex } from "./axis.mjs";
import { step as formatStep } from "./format.mjs";

const SPECIAL = /^<.+>$/;

/** Build the panel and return its `update(model, changed)`. */
export function createAttention(model, signal) {
  const slot = element("span", { class: "slot" });
  byId("attention-head").replaceChildren(
    element("h2", { text: "Attention" }), element("span", { class: "panel-step", "data-step": "attention" }),
    element("span", { class: "panel-fact" }, slot),
  );
  const map = createMap();
  const state = element("div", { class: "attention-state", hidden: true });
  byId("attention-body").replaceChildren(map.node, state);
  const ask = createAsking((trouble) => fillState(state, model, { trouble }), signal);
  let prompt = 0;
  const sizes = new ResizeObserver(([entry]) => map.resize(entry.contentRect.width));
  sizes.observe(byId("attention-body"));
  signal.addEventListener("abort", () => sizes.disconnect());

  function update(_, changed) {
    const head = headOf(model.state.component);
    const isHead = /^L\d+H\d+$/.test(head);
    setClass(byId("main"), "headless", !isHead);
    if (changed.has("scheme")) map.recolour();
    if (isHead) show(head);
  }

  function show(head) {
    const step = model.payload.steps[model.state.index];
    const address = model.state.attention?.measured[step];
    const here = address ? patternsHere(address, head) : undefined;
    if (address && here === undefined) ask(address + head, () => fetchPatterns(address, head, signal), () => update(model, new Set()));
    setClass(map.node, "stale", address !== undefined && here === undefined);
    if (here) return paint(head, here, step);
    if (address && here === undefined && !map.node.hidden) return undefined;
    map.node.hidden = true;
    slot.replaceChildren();
    fillState(state, model, { address, here, head });
    return undefined;
  }

  function paint(head, { tokens, pattern }, step) {
    state.hidden = true;
    prompt = Math.min(prompt, tokens.length - 1);
    fillPrompts(slot, tokens, prompt, (chosen) => ((prompt = chosen), update(model, new Set())));
    const n = tokens[prompt].length;
    map.draw({
      tokens: tokens[prompt],
      at: (query, key) => pattern[(prompt * n + query) * n + key],
      title: `Attention of ${head} at step ${formatStep(step)}`,
      foot: `${head} · step ${formatStep(step)} · prompt ${prompt + 1} of ${tokens.length}`,
    });
  }
  return { update };
}

/** Fill the menu of prompts by how each begins; one that stands already keeps the focus. */
function fillPrompts(slot, prompts, chosen, choose) {
  const texts = prompts.map((tokens) => label(tokens.filter((t) => !SPECIAL.test(t)).slice(0, 12).join(""), 24));
  const alike = prompts.length > 1 && new Set(texts).size === 1;
  const names = texts.map((text, i) => (alike ? `${i + 1} of ${texts.length}` : `${i + 1}: ${text}`));
  const key = names.join();
  const menu = slot.querySelector("select");
  if (menu?.dataset.names === key) return void (menu.value = chosen);
  const attributes = { class: "menu", "aria-label": "Prompt", "data-names": key, onchange: (event) => choose(Number(event.target.value)) };
  return slot.replaceChildren(element("span", { class: "quiet", text: "prompt " }), select(attributes, names.map((name, i) => [i, name]), chosen));
}

/** Say why there is no pattern here, and what can be done about it. */
function fillState(place, model, { address, here, head, trouble }) {
  const parts = trouble ? [sentence(trouble)] : reasonsOf(model, { address, here, head });
  const key = parts.map((part) => part.outerHTML).join();
  place.hidden = false;
  if (place.dataset.shown === key) return;
  place.dataset.shown = key;
  place.replaceChildren(...parts);
}

function reasonsOf(model, { address, here, head }) {
  const at = formatStep(model.payload.steps[model.state.index] ?? 0);
  const { attention } = model.state;
  if (!attention) return [sentence("Asking whether attention was measured …")];
  if (here === null) return [sentence(`The record of step ${at} has no pattern of ${head}.`)];
  if (address) return [sentence(`Loading step ${at} …`)];
  const waits = attention.waiting[model.payload.steps[model.state.index]];
  if (waits) return waiting(model, waits, at);
  const failure = failureAt(model, "attention");
  if (failure) return [sentence(`Failed at step ${at}: ${failure}`, "failed-text"), element("p", {}, "Try it again on the page ", jobsLink(model), ".")];
  return [sentence(`Attention was not measured at step ${at}.`), ...nearest(model, attention), offer(model, at)];
}

function waiting(model, waits, at) {
  if (!model.service) return [sentence(`Step ${at} waits to be measured, but no service runs.`), element("p", {}, "Start one as the page ", jobsLink(model), " says.")];
  return [sentence(waits === "running" ? `Measuring step ${at} …` : `Step ${at} waits to be measured.`)];
}

/** Return links to the nearest checkpoints before and after that have patterns. */
function nearest(model, attention) {
  const now = model.payload.steps[model.state.index];
  const known = Object.keys(attention.measured).map(Number).sort((a, b) => a - b);
  const found = [known.filter((t) => t < now).at(-1), known.find((t) => t > now)].filter((t) => t !== undefined);
  if (!found.length) return [];
  const links = found.map((t) => element("button", { type: "button", class: "text-button strong", text: `step ${formatStep(t)}`, onclick: () => model.go(nearestIndex(model.payload.steps, t)) }));
  return [element("p", { class: "attention-nearest" }, "The nearest that is: ", ...links)];
}

function offer(model, at) {
  const button = element("button", { type: "button", class: "action", text: `Measure at step ${at}`, disabled: model.obstacle !== "", onclick: () => model.measureAttention() });
  const reason = model.obstacle || (isOpen(model.job) ? "A job is open on this run; this one comes after it." : "");
  return element("div", { class: "attention-offer" }, button, ...(reason ? [element("p", { class: "quiet", text: reason })] : []));
}

function jobsLink(model) {
  return element("a", { href: `${model.prefix}jobs`, text: "Jobs" });
}

function sentence(text, name = null) {
  return element("p", { class: name, text });
}
