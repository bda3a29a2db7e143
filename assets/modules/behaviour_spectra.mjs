/** The singular values of the embeddings at the step, with those of the last checkpoint behind them. */

import { anyOf, panelBody, stepAt } from "./network_panel.mjs";
import { decimals, number } from "./format.mjs";
import { element, setText, svg } from "./elements.mjs";
import { createAbsence, isOtherAbsence, lackingDetails } from "./behaviour_absence.mjs";
import { rowAt } from "./behaviour_model.mjs";
import { createPlot } from "./behaviour_plot.mjs";
import { findCurve } from "./payload.mjs";

/** Singular values that are so much smaller than the largest of the run stand at the edge. */
const DEPTH = 1e-4;
const NAMES = { EMB: "token embedding", POS: "positions", UNEMBED: "unembedding" };

/** Build the panel and return its `update(model, changed)`. */
export function createSpectra(model, signal) {
  const body = panelBody("spectra", "Spectra of embeddings", element("span", { text: "log axis" }));
  const plot = createPlot(model, signal, { label: "Singular values of the embeddings at the step", across: "singular value, largest first", up: "size", describe, draw });
  const foot = element("div", { class: "plot-foot" });
  body.replaceChildren(plot.node, foot);
  const absence = createAbsence(model, body);
  let found = null;

  function rebuild() {
    absence.say(lackingDetails(model, "spectra", "structure"));
    const spectra = model.state.details?.spectra;
    found = spectra?.map(({ name, values }, k) => ({
      name, values, k: k + 1, rank: findCurve(model.payload, model.state.graph, `spectrum.rank.${name}`),
      last: svg("path", { class: `plot-last kind-${k + 1}` }), now: svg("path", { class: `curve kind-${k + 1}` }), told: element("span"),
    })) ?? null;
    if (!found) return;
    plot.picture.replaceChildren(...found.map((s) => s.last), ...found.map((s) => s.now));
    foot.replaceChildren(...found.map((s) => element("span", { class: "key" }, spectrumKey(s.k), s.told)), element("span", { class: "quiet", text: "faint: the last checkpoint" }));
    plot.scales({ x: { low: 1, high: Math.max(2, ...found.map((s) => s.values.shape[1])), log: false }, y: rangeOver(found) });
    draw();
  }

  const pointsAt = ({ values }, index) => [...rowAt(values, index)].map((v, k) => [k + 1, v]);

  function draw() {
    if (!found) return;
    if (plot.size.width) for (const s of found) s.last.setAttribute("d", plot.line(pointsAt(s, model.payload.steps.length - 1)));
    paint();
  }

  function paint() {
    if (!found) return;
    const { index } = model.state;
    for (const s of found) {
      if (plot.size.width) s.now.setAttribute("d", plot.line(pointsAt(s, index)));
      const rank = s.rank?.values[index];
      setText(s.told, `${s.name}${NAMES[s.name] ? `, ${NAMES[s.name]}` : ""}: ${Number.isFinite(rank) ? `effective rank ${number(rank, decimals(s.values.shape[1]))}` : "not measured here"}`);
    }
  }

  function describe(x) {
    if (!found) return null;
    const k = Math.max(1, Math.round(x));
    const rows = found.filter((s) => k <= s.values.shape[1]).map((s) => {
      const value = rowAt(s.values, model.state.index)[k - 1];
      return [s.name, Number.isFinite(value) ? number(value, decimals(value)) : "not measured"];
    });
    return { title: `singular value ${k}`, rows, foot: stepAt(model, model.state.index) };
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "details") || (!found && isOtherAbsence(changed))) rebuild();
    else if (changed.has("index")) paint();
  }
  return { update };
}

function rangeOver(found) {
  let [low, high] = [Infinity, 0];
  for (const { values } of found) for (const v of values) if (v > 0) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (!high) return { low: 0.1, high: 1, log: true };
  return { low: Math.min(Math.max(low, DEPTH * high), high / 2), high, log: true };
}

function spectrumKey(k) {
  return svg("svg", { class: "spectrum-key", viewBox: "0 0 24 8", "aria-hidden": "true" }, svg("path", { class: `curve kind-${k}`, d: "M0 4H24" }));
}
