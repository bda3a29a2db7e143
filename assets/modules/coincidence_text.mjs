/** How the Coincidence page writes numbers, verdicts and what to type. */

import { VERDICTS } from "./coincidence_model.mjs";
import { element } from "./elements.mjs";
import { number, step as formatStep } from "./format.mjs";
import { saveCsv } from "./saving.mjs";

const TINY = 0.01;

/** Return a p to two digits, a small one to one; a dash for none. */
export function chance(p) {
  if (p === null || p === undefined) return "–";
  return p >= TINY ? number(p, 2) : number(p, 1 - Math.floor(Math.log10(p)) - 1);
}

/** Return a number to so many places; a dash for none. */
export function value(found, places) {
  return found === null || found === undefined ? "–" : number(found, places);
}

/** Return the ends of an interval; "" without. */
export function interval(low, high, places = 2) {
  return low === null || high === null ? "" : `${number(low, places)} to ${number(high, places)}`;
}

/** Return a place with its interval, in whole steps. */
export function placeText({ step, low, high }) {
  const [at, from, to] = [step, low, high].map((t) => formatStep(Math.round(t)));
  return from === to ? at : `${at} (${from} to ${to})`;
}

/** Return a lag in ln(1 + t) as a factor, and which way the curve is off the LLC. */
export function lagText(lag, places = 2) {
  return lag ? `${number(Math.exp(Math.abs(lag)), places)}× ${lag > 0 ? "later" : "earlier"}` : "same time";
}

/** Return the sign and the words of a verdict; `together` says what boundaries do when they coincide, of what has none. */
export function verdictNode(verdict, together = VERDICTS.together.text) {
  const { sign } = VERDICTS[verdict];
  const text = verdict === "together" ? together : VERDICTS[verdict].text;
  return element("span", { class: `coincidence-verdict ${verdict}` }, element("i", { "aria-hidden": "true", text: sign }), element("span", { text }));
}

/** Return a reason with the run's own name where a command is in it. */
export function forRun(model, reason) {
  return reason.replaceAll(" RUN ", ` ${model.run} `);
}

/** Return a button that saves rows, the first of which is the head, as a CSV file. */
export function saveButton(name, rows) {
  return element("button", { type: "button", class: "text-button", text: "Download CSV", onclick: () => saveCsv(rows(), name()) });
}
