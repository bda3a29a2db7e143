/** The loss at each place of the context at the step, with the first and the last checkpoint behind it. */

import { anyOf, panelBody, stepAt } from "./network_panel.mjs";
import { decimals, largest, number, spread } from "./format.mjs";
import { element, setText, svg } from "./elements.mjs";
import { createAbsence, isOtherAbsence, lackingDetails } from "./behaviour_absence.mjs";
import { rowAt } from "./behaviour_model.mjs";
import { createPlot } from "./behaviour_plot.mjs";

const WORDS = {
  language: { title: "Loss by position", part: "positions", kind: "context", place: "position", across: "position in the context, log axis", up: "nats", settings: "context" },
  regression: { title: "Loss by pair", part: "pairs", kind: "behaviour", place: "pair", across: "pair in the sequence", up: "squared error", settings: "regression" },
};

/** Build the panel and return its `update(model, changed)`. */
export function createTokens(model, signal) {
  const words = WORDS[model.payload.run.family] ?? WORDS.language;
  const fact = element("span");
  const body = panelBody("tokens", words.title, fact);
  const plot = createPlot(model, signal, { label: `${words.title} at the step`, across: words.across, up: words.up, describe, draw });
  const settings = element("span", { class: "quiet" });
  body.replaceChildren(plot.node, element("div", { class: "plot-foot" }, key("now", "this step"), key("last", "last checkpoint"), key("first", "first checkpoint"), settings));
  const absence = createAbsence(model, body);
  const [windows, first, last, band, now] = ["windows", "first", "last", "band", "now"].map((name) => svg(name === "windows" ? "g" : "path", { class: `plot-${name}` }));
  const marks = svg("g", { class: "plot-marks" });
  plot.picture.append(windows, first, last, band, now, marks);
  let [found, places] = [null, 2];

  const lossAt = (index) => [...rowAt(found.loss, index)].map((v, k) => [k + 1, v]);

  function rebuild() {
    absence.say(lackingDetails(model, words.part, words.kind));
    found = model.state.details?.[words.part] ?? null;
    if (!found) return;
    places = decimals(largest(found.loss));
    setText(settings, model.state.details.settings[words.settings] ?? "");
    plot.scales({ x: { low: 1, high: Math.max(2, found.loss.shape[1]), log: words.part === "positions" }, y: rangeOver(found) });
    draw();
    paint();
  }

  function draw() {
    if (!found || !plot.size.width) return;
    const steps = model.payload.steps.length;
    first.setAttribute("d", plot.line(lossAt(0)));
    last.setAttribute("d", plot.line(lossAt(steps - 1)));
    windows.replaceChildren(...(found.early ? [["early", found.early], ["late", found.late]] : []).flatMap(([name, [from, to]]) => windowMark(plot, name, from, to)));
    paint();
  }

  function paint() {
    if (!found) return;
    const { index } = model.state;
    const points = lossAt(index);
    const known = points.some(([, v]) => Number.isFinite(v));
    setText(fact, known ? scoreText(found, points, places) : "not measured at this step");
    if (!plot.size.width) return;
    now.setAttribute("d", plot.line(points));
    band.setAttribute("d", found.half ? bandOf(points, rowAt(found.half, index), plot) : "");
    marks.replaceChildren(...(found.early || !known ? [] : points.map(([k, v]) => svg("circle", { cx: plot.x(k).toFixed(1), cy: plot.y(v).toFixed(1), r: 3 }))));
  }

  function describe(x) {
    if (!found) return null;
    const k = Math.min(found.loss.shape[1], Math.max(1, Math.round(x))) - 1;
    const { index } = model.state;
    const at = (i) => {
      const value = rowAt(found.loss, i)[k];
      const half = found.half ? rowAt(found.half, i)[k] : NaN;
      return Number.isFinite(value) ? `${number(value, places)}${Number.isFinite(half) ? ` ± ${spread(-half, half, places)}` : ""}` : "not measured";
    };
    const end = model.payload.steps.length - 1;
    return { title: `${words.place} ${k + 1}`, rows: [[`${words.up} here`, at(index)], ["last checkpoint", at(end)], ["first checkpoint", at(0)]], foot: stepAt(model, index) };
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "details") || (!found && isOtherAbsence(changed))) rebuild();
    else if (changed.has("index")) paint();
  }
  return { update };
}

/** Return the ends of the axis: all losses of the run with their intervals; 0 is one unless it is far. */
function rangeOver({ loss, half }) {
  let [low, high] = [Infinity, -Infinity];
  loss.forEach((v, i) => {
    const error = Number.isFinite(half?.[i]) ? half[i] : 0;
    if (Number.isFinite(v)) [low, high] = [Math.min(low, v - error), Math.max(high, v + error)];
  });
  if (low > high) return { low: 0, high: 1, log: false };
  return { low: low > 0 && low < 0.6 * high ? 0 : low, high: high > low ? high : low + 1, log: false };
}

/** Return how the later places stand to the earlier ones, by windows or by pairs. */
function scoreText({ early, late }, points, places) {
  const mean = ([from, to]) => {
    const values = points.slice(from - 1, to).map(([, v]) => v);
    return values.reduce((a, b) => a + b, 0) / values.length;
  };
  if (!early) return `last − first ${number(points.at(-1)[1] - points[0][1], places)}`;
  return `late − early ${number(mean(late) - mean(early), places)}`;
}

function windowMark(plot, name, from, to) {
  const [left, right] = [plot.x(from - 0.5), plot.x(to + 0.5)];
  return [
    svg("rect", { x: left.toFixed(1), y: 0, width: Math.max(2, right - left).toFixed(1), height: plot.size.height }),
    svg("text", { x: ((left + right) / 2).toFixed(1), y: 12, "text-anchor": "middle", text: name }),
  ];
}

function bandOf(points, half, plot) {
  const known = points.filter(([k, v]) => Number.isFinite(v) && Number.isFinite(half[k - 1]));
  if (known.length < 2) return "";
  const edge = (sign) => ([k, v]) => `${plot.x(k).toFixed(1)} ${plot.y(v + sign * half[k - 1]).toFixed(1)}`;
  return `M${known.map(edge(1)).join("L")}L${known.reverse().map(edge(-1)).join("L")}Z`;
}

function key(kind, text) {
  return element("span", { class: "key" }, element("i", { class: `plot-key ${kind}` }), element("span", { text }));
}
