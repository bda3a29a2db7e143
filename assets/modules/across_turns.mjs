/** How the runs are aligned, in words: what one step of one is to the other, and the boundaries that are matched. */

import { alignmentOf, placeOf } from "./across_model.mjs";
import { byId, element } from "./elements.mjs";
import { number, step as formatStep } from "./format.mjs";
import { anyOf } from "./network_panel.mjs";
import { letter } from "./across_lines.mjs";

/** Build the panel and return its `update(model, changed)`. */
export function createTurns(model) {
  byId("across-turns-head").replaceChildren(element("h2", { text: "Runs and alignment" }));
  const body = byId("across-turns-body");
  const panel = body.closest(".panel");
  function update(_, changed) {
    if (!anyOf(changed, "across", "by", "turns", "turnsOf", "turnsTrouble")) return;
    const { across } = model.state;
    panel.hidden = !across;
    if (across) body.replaceChildren(element("ul", { class: "across-facts" }, ...runItems(across)), ...(across.mode === "pair" ? pairParts(model) : recipeParts(across)));
  }
  return { update };
}

function runItems({ runs }) {
  return runs.map((run, k) => {
    const facts = [
      run.seed === null ? "" : `seed ${run.seed}`, run.recipe && `recipe ${run.recipe}`,
      run.steps.length ? `${formatStep(run.steps.length)} checkpoints to step ${formatStep(run.steps.at(-1))}` : "no checkpoint",
      run.tokensPerStep ? `${formatStep(run.tokensPerStep)} tokens a step` : "",
    ];
    return element("li", {}, element("strong", { text: `${letter(k)} ${run.name}` }), ` ${facts.filter(Boolean).join(" · ")}`);
  });
}

function recipeParts(across) {
  const words = "The interval is of the mean over seeds, by Student’s t: it says how well these runs tell what a run of this recipe does on average, and nothing of the noise within one run. With few runs it is wide. Only healthy values enter the mean.";
  const left = across.curves.filter((c) => c.runs.some((of, k) => of && !c.alike[k])).map((c) => c.name);
  return [element("p", { class: "panel-words", text: words }), ...(left.length ? [element("p", { class: "panel-words", text: `Some runs were measured otherwise and are left out of the mean of: ${left.join(", ")}.` })] : []), ...dataWords(across)];
}

function pairParts(model) {
  const { across, turns } = model.state;
  const told = [wayWords(model), beyondWords(model)].filter(Boolean).join(" ");
  const items = turns?.matches?.map(matchItem) ?? [];
  const alone = (turns?.alone ?? []).flatMap((found, k) => found.map((turn) => element("li", { text: `${turn.kind} of ${letter(k)} at ${at(turn)}: without a partner` })));
  return [
    element("p", { class: "panel-words", text: told }), ...dataWords(across),
    element("h3", { text: `Boundaries of ${curveName(model)}` }),
    ...(items.length || alone.length
      ? [element("ol", { class: "across-matches" }, ...items, ...alone), element("p", { class: "panel-words", text: "Maxima go with maxima and minima with minima, in the order of training. That two of them are the same event is an assumption. Lines on the lane of that curve mark them: those of A above, those of B below." })]
      : [element("p", { class: "panel-words", text: turnsWords(model) })]),
  ];
}

function matchItem({ first, second, factor, low, high }) {
  const interval = low === null ? "" : ` (${times(low)} to ${times(high)})`;
  return element("li", {}, element("strong", { text: first.kind }), ` at step ${at(first)} of A and step ${at(second)} of B: B passes it at ${times(factor)}${interval} times the step of A`);
}

function at({ step, low, high }) {
  const round = (t) => formatStep(Math.round(t));
  return low === null ? round(step) : `${round(step)} (${round(low)} to ${round(high)})`;
}

function times(factor) {
  return number(factor, factor < 10 ? 2 : 0);
}

function wayWords({ state: { by, across } }) {
  const [a, b] = across.runs;
  if (by === "step") return "Aligned by step: B stands at its own steps.";
  if (by === "boundary") return "Aligned by boundary: matched boundaries lie on each other; between them ln(1 + t) is stretched evenly, after the last one it is shifted.";
  const factor = b.tokensPerStep / a.tokensPerStep;
  return factor === 1 ? "Aligned by tokens: a step of either run sees as many." : `Aligned by tokens: step t of B stands at ${number(factor, Number.isInteger(factor) ? 0 : 3)} t of A.`;
}

function beyondWords(model) {
  const found = alignmentOf(model);
  const last = model.payload.steps.at(-1);
  const beyond = found && !found.reason ? [...found.steps].filter((t) => t > last * (1 + 1e-6)).length : 0;
  return beyond ? `${formatStep(beyond)} checkpoint${beyond > 1 ? "s" : ""} of B lie${beyond > 1 ? "" : "s"} beyond the last step of A and ${beyond > 1 ? "are" : "is"} not drawn.` : "";
}

function turnsWords({ state: { turns, turnsTrouble } }) {
  if (turnsTrouble) return turnsTrouble;
  return turns ? turns.reason || "Neither curve has a boundary." : "Boundaries are being looked for …";
}

function curveName({ state: { across, turnsOf } }) {
  return across.curves.find((c) => placeOf(c) === turnsOf)?.name ?? "the curves";
}

function dataWords({ runs }) {
  const differ = runs.some((run) => run.data !== runs[0].data);
  return differ ? [element("p", { class: "panel-words", text: "The runs are measured on different data, so what depends on it (loss, LLC) need not be comparable." })] : [];
}
