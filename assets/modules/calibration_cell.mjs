/** One cell: its estimate, what speaks against it, and the traces of its chains, fetched when it is looked at. */

import { HEALTHY, verdictIcon } from "./verdicts.mjs";
import { byId, element } from "./elements.mjs";
import { devicePixels, tokens } from "./heat.mjs";
import { digits, wordsOf } from "./calibration_model.mjs";
import { debounce } from "./page_model.mjs";
import { decode } from "./payload.mjs";
import { paintedBy } from "./painters.mjs";
import { step as formatStep } from "./format.mjs";

const PAUSE = 80;
const KEPT = 128;
const kept = new Map();

/** Build the panel and return its `update(changed)`. */
export function createCell(model, signal) {
  const [head, body] = [byId("cell-head"), byId("cell-body")];
  const facts = element("div", { class: "cell-facts" });
  const loss = createTrace("nβ × rise of the loss, draw by draw");
  const distance = createTrace("distance from the checkpoint");
  const traces = element("div", { class: "cell-traces" }, loss.node, distance.node);
  body.replaceChildren(facts, traces);
  let shown = null;
  const sizes = new ResizeObserver(() => paint());
  sizes.observe(traces);
  signal.addEventListener("abort", () => sizes.disconnect());

  const fetchSoon = debounce(async (digest) => {
    try {
      await fetchTraces(`${model.state.server.traces}/${digest}.bin`, digest, signal);
      if (!signal.aborted && shown?.traces === digest) paint();
    } catch (error) {
      if (error.name !== "AbortError" && shown?.traces === digest) loss.say(`${error.message}; reload the page.`);
    }
  }, PAUSE, signal);

  function update(changed) {
    const sweep = model.sweep();
    if (!sweep || changed.size === 1 && changed.has("measure")) return;
    const i = model.shown();
    const cell = sweep.cells[i];
    if (!cell) return;
    const other = cell !== shown;
    shown = cell;
    if (other) {
      fill(head, facts, cell, (name) => model.value(i, name));
      model.speak(`step ${formatStep(cell.step)}, ${wordsOf(cell)}. ${cell.problem || "usable"}`);
    }
    if (other || changed.has("scheme")) paint();
  }

  function paint() {
    if (!shown) return;
    const found = kept.get(shown.traces);
    traces.hidden = shown.failed;
    if (found) {
      const [line, ink] = tokens("llc", "ink3");
      loss.draw(found.difference, line, ink, found.llc);
      distance.draw(found.distance, line, ink, null);
    } else if (!shown.failed) {
      loss.say("Loading …");
      fetchSoon(shown.traces);
    }
  }
  return { update };
}

function fill(head, facts, cell, value) {
  head.replaceChildren(element("h2", { text: wordsOf(cell) }), element("span", { class: "panel-fact", text: `step ${formatStep(cell.step)}` }));
  const word = cell.failed ? "failed" : cell.verdict;
  const sentence = cell.problem ? cell.problem.replace(`${cell.verdict}: `, "") : cell.reason;
  const rows = [
    ["R-hat", number(value("rhat"), 2)], ["effective draws", number(value("ess"), 0)],
    ["drift", withError(value("drift"), value("driftError"))], ["rise of the loss", digits(value("rise"))],
    ["relative error", Number.isFinite(value("relativeError")) ? `${digits(100 * value("relativeError"))} %` : "–"], ["MALA acceptance", number(value("acceptance"), 2)],
  ];
  facts.replaceChildren(
    ...(cell.failed ? [] : [element("p", { class: "cell-estimate" }, element("strong", { text: digits(value("llc")) }), ` ± ${digits(value("error"))}`)]),
    element("p", { class: "cell-verdict" }, ...(cell.failed ? [] : [verdictIcon(cell.verdict)]), element("strong", { text: word }), cell.verdict === HEALTHY ? element("span", { class: cell.problem ? "cell-state" : "cell-state usable", text: cell.problem ? "not usable" : "usable" }) : null),
    element("p", { class: "cell-problem", text: `${sentence[0].toUpperCase()}${sentence.slice(1)}.` }),
    ...(cell.failed ? [] : [element("dl", { class: "cell-numbers" }, ...rows.map(([name, text]) => element("div", {}, element("dt", { text: name }), element("dd", { text }))))]),
  );
}

/** Return a small picture of traces, a line for each chain. */
function createTrace(label) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const words = element("span", { class: "trace-words" });
  const [high, low] = [element("span"), element("span")];
  const node = element("figure", { class: "trace" }, element("figcaption", { text: label }), element("div", { class: "trace-plane" }, canvas, words, element("div", { class: "trace-ends", "aria-hidden": "true" }, high, low)));

  function draw(values, colour, ink, level) {
    paintedBy(canvas, () => draw(values, colour, ink, level));
    words.textContent = "";
    const known = values.filter(Number.isFinite);
    let [least, most] = [Math.min(...known, level ?? Infinity), Math.max(...known, level ?? -Infinity)];
    if (!(most > least)) [least, most] = [least - 0.5, most + 0.5];
    [high.textContent, low.textContent] = [digits(most), digits(least)];
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [devicePixels(width), devicePixels(height)];
    const context = canvas.getContext("2d");
    context.scale(canvas.width / width, canvas.height / height);
    const [chains, draws] = values.shape;
    const y = (v) => 2 + (height - 4) * (1 - (v - least) / (most - least));
    if (least < 0 && most > 0) rule(context, width, y(0), ink, [2, 3]);
    context.strokeStyle = `rgb(${colour.join(" ")} / 55%)`;
    for (let c = 0; c < chains; c++) {
      context.beginPath();
      for (let t = 0; t < draws; t++) context.lineTo((t / Math.max(1, draws - 1)) * width, y(values[c * draws + t]));
      context.stroke();
    }
    if (level !== null) rule(context, width, y(level), ink, []);
  }
  const say = (text) => {
    paintedBy(canvas, () => {});
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    [words.textContent, high.textContent, low.textContent] = [text, "", ""];
  };
  return { node, draw, say };
}

function rule(context, width, y, colour, dash) {
  context.save();
  context.strokeStyle = `rgb(${colour.join(" ")})`;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
  context.restore();
}

async function fetchTraces(address, digest, signal) {
  if (kept.has(digest)) return;
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`the traces could not be loaded (${response.status})`);
  kept.set(digest, decode(await response.arrayBuffer()));
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

function number(value, places) {
  return Number.isFinite(value) ? value.toFixed(places) : "–";
}

function withError(value, error) {
  return Number.isFinite(error) ? `${digits(value)} ± ${digits(error)}` : digits(value);
}
