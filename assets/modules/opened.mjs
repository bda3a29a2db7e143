/** What page is open: what pictures and files of it say about themselves. */

import { step as formatStep } from "./format.mjs";

let page = {};

/** Remember the page that is open until `signal` aborts: its `model`, if it has one, and `copy()`, its address. */
export function keepOpened(found, signal) {
  page = found;
  signal.addEventListener("abort", () => page === found && (page = {}));
}

/** Return the page that is open; it may have neither model nor address. */
export function opened() {
  return page;
}

/** Return the step at which the page is, or null where it has none. */
export function stepNow() {
  const { payload, state } = page.model ?? {};
  return payload?.steps?.[state?.index] ?? null;
}

/** Return the address of the view, or of the page it was saved from. */
export function addressOf() {
  const kept = document.querySelector("meta[name=ontogeny-origin]")?.content;
  if (kept) return new URL(location.search, kept).href;
  return new URL(page.copy?.() ?? location.href, location.href).href;
}

/** Return the project's name and version. */
export function versionName() {
  return document.querySelector("meta[name=generator]")?.content ?? "Ontogeny";
}

/** Return where numbers come from, in short lines: run and step, settings, version, records and date, address. */
export function provenance(panel) {
  const { payload } = page.model ?? {};
  const run = payload?.run.name ?? document.getElementById("main")?.dataset.run;
  const step = stepNow();
  const tokens = step * (payload?.run.tokensPerStep ?? 0);
  const last = payload?.steps?.at(-1);
  const where = [
    run,
    step === null ? "" : `step ${formatStep(step)}${last === undefined || last === step ? "" : ` of ${formatStep(last)}`}`,
    tokens ? `${formatStep(tokens)} tokens` : "",
  ];
  const settings = [...panel.querySelectorAll(".panel-settings")].filter((node) => node.getClientRects().length).map((node) => node.textContent.trim());
  settings.push(...[...panel.querySelectorAll(".readout[data-lane]")].map(laneSettings));
  const digest = /\/([0-9a-f]{64})\.bin$/.exec(payload?.address ?? "")?.[1];
  const made = [versionName(), digest ? `records sha256 ${digest.slice(0, 12)}` : "", `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`];
  return [joined(where), joined([...new Set(settings)], "; "), joined(made), addressOf()].filter(Boolean);
}

/** Return how the curve of a lane was measured. */
function laneSettings(readout) {
  const name = readout.querySelector(".lane-name");
  const settings = readout.querySelector(".readout-settings");
  const words = settings?.title || settings?.textContent;
  return words ? `${name?.selectedOptions?.[0]?.label ?? name?.textContent}: ${words}` : "";
}

function joined(parts, between = " · ") {
  return parts.filter(Boolean).join(between);
}
