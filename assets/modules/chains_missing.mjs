/** Why there are no chains at a checkpoint, and what can be done about it. */

import { failureAt, isOpen } from "./coverage.mjs";
import { element } from "./elements.mjs";
import { nearestIndex } from "./axis.mjs";
import { step as formatStep } from "./format.mjs";

/** Return a place that covers a panel: `node`, and `say(model)`, which fills or hides it. */
export function createMissing() {
  const node = element("div", { class: "chains-missing", hidden: true });
  function say(model) {
    const { address, record } = model.view;
    node.hidden = Boolean(record) || (Boolean(address) && !model.state.trouble);
    if (node.hidden) return;
    const parts = reasons(model);
    const key = parts.map((part) => part.outerHTML).join();
    if (node.dataset.shown === key) return;
    node.dataset.shown = key;
    node.replaceChildren(...parts);
  }
  return { node, say };
}

function reasons(model) {
  const { chains, trouble, index } = model.state;
  const t = model.payload.steps[index] ?? 0;
  const at = formatStep(t);
  if (trouble) return [sentence(trouble)];
  if (!chains) return [sentence("Asking which chains there are …")];
  const { setting } = model.view;
  const standard = setting?.standard ?? true;
  const waits = standard && chains.waiting[t];
  if (waits && !model.service) return [sentence(`Step ${at} waits to be computed, but no service runs.`), element("p", {}, "Start one as the page ", jobs(model), " says.")];
  if (waits) return [sentence(waits === "running" ? "A job on the LLC of this step is at work …" : `Step ${at} waits to be computed.`)];
  const failure = standard && failureAt(model, "llc");
  if (failure) return [sentence(`Failed at step ${at}: ${failure}`, "failed-text"), element("p", {}, "Try it again on the page ", jobs(model), ".")];
  const words = sentence(`The LLC was not computed at step ${at}${standard ? "" : " with these settings"}.`);
  return [words, ...nearest(model, setting), ...(standard ? [offer(model, at)] : [])];
}

/** Return links to the nearest checkpoints before and after that have chains. */
function nearest(model, setting) {
  const { steps } = model.payload;
  const now = steps[model.state.index];
  const known = Object.keys(setting?.measured ?? {}).map(Number).sort((a, b) => a - b);
  const found = [known.filter((t) => t < now).at(-1), known.find((t) => t > now)].filter((t) => t !== undefined);
  if (!found.length) return [];
  const links = found.map((t) => element("button", { type: "button", class: "text-button strong", text: `step ${formatStep(t)}`, onclick: () => model.go(nearestIndex(steps, t)) }));
  return [element("p", {}, "The nearest that is: ", ...links)];
}

function offer(model, at) {
  const button = element("button", { type: "button", class: "action", text: `Compute at step ${at}`, disabled: model.obstacle !== "", onclick: () => model.measure() });
  const reason = model.obstacle || (isOpen(model.job) ? "A job is open on this run; this one comes after it." : "");
  return element("div", { class: "chains-offer" }, button, ...(reason ? [element("p", { class: "quiet", text: reason })] : []));
}

function jobs(model) {
  return element("a", { href: `${model.prefix}jobs`, text: "Jobs" });
}

function sentence(text, name = null) {
  return element("p", { class: name, text });
}
