/** The attention of one head on one prompt: a row for each query, a column for each key. */

import { devicePixels, evenCells, legendOf, paintCells, scaleOf, shader, shadesOf } from "./heat.mjs";
import { element, setAttribute, svg } from "./elements.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";
import { label } from "./attention_data.mjs";

const [GUTTER, FOOT, MOST, LETTERS] = [64, 60, 540, 8];
const [SMALLEST, LARGEST] = [9, 11];
const SCALE = scaleOf([0, 1], { root: true });

/** Build the map and return `node`, `draw(shown)`, `resize(width)` and `recolour()`. */
export function createMap() {
  const canvas = element("canvas", { class: "attention-canvas", role: "img" });
  const labels = svg("svg", { class: "attention-labels", "aria-hidden": "true" });
  const legend = element("div", { class: "attention-legend" });
  const stage = element("div", { class: "attention-stage" }, canvas, labels);
  const node = element("div", { class: "attention-map", hidden: true }, stage, legend);
  let shown = null;
  let shade = null;
  let side = 0;
  let labelled = "";

  /** Show `{tokens, at(query, key), title, foot}`. */
  function draw(another) {
    shown = another;
    node.hidden = false;
    setAttribute(canvas, "aria-label", `${shown.title}: ${strongest(shown)}`);
    paint();
  }

  function resize(width) {
    const wanted = Math.floor(Math.min(MOST, width - GUTTER));
    if (wanted < 40 || wanted === side) return;
    side = wanted;
    paint();
  }

  function paint() {
    if (!shown || !side) return;
    const count = shown.tokens.length;
    const pixels = evenCells(count, devicePixels(side));
    paintCells(canvas, pixels, pixels, (key, query) => (key > query ? 0 : shade(shown.at(query, key))));
    Object.assign(canvas.style, { left: `${GUTTER}px`, width: `${side}px`, height: `${side}px` });
    stage.style.height = `${side + FOOT}px`;
    node.style.maxWidth = `${side + GUTTER}px`;
    const wanted = [side, ...shown.tokens].join();
    if (wanted !== labelled) drawLabels(labels, shown.tokens, side);
    labelled = wanted;
  }

  function recolour() {
    shade = shader(SCALE, shadesOf(SCALE));
    legend.replaceChildren(legendOf(SCALE, "share of a query’s attention"), element("p", { text: "Each row is a token that attends, each column one that is attended to." }));
    paint();
  }

  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    const place = (offset) => Math.min(shown.tokens.length - 1, Math.max(0, Math.floor((offset / side) * shown.tokens.length)));
    return [place(event.clientY - box.top), place(event.clientX - box.left)];
  };
  canvas.addEventListener("pointermove", (event) => {
    if (!shown) return;
    const [query, key] = under(event);
    mark(labels, query, key);
    if (key > query) return hideTooltip();
    const named = (i) => `“${label(shown.tokens[i])}”`;
    showTooltip(event.clientX, event.clientY, {
      title: `${named(query)} → ${named(key)}: ${shareText(shown.at(query, key))}`,
      rows: [["query at position", String(query)], ["key at position", String(key)]], foot: shown.foot,
    });
  });
  canvas.addEventListener("pointerleave", () => (mark(labels, -1, -1), hideTooltip()));
  recolour();
  return { node, draw, resize, recolour };
}

/** Tokens along both sides; where cells are small, every second or third. */
function drawLabels(labels, tokens, side) {
  const cell = side / tokens.length;
  const size = Math.max(SMALLEST, Math.min(LARGEST, cell));
  const stride = Math.max(1, Math.ceil(size / cell));
  setAttribute(labels, "viewBox", `0 0 ${side + GUTTER} ${side + FOOT}`);
  setAttribute(labels, "width", String(side + GUTTER));
  setAttribute(labels, "height", String(side + FOOT));
  const made = tokens.flatMap((token, i) => {
    if (i % stride) return [];
    const [text, middle] = [label(token, LETTERS), (i + 0.5) * cell];
    const up = `translate(${(GUTTER + middle).toFixed(1)} ${side + 5}) rotate(-90)`;
    return [
      svg("text", { class: "query", "data-at": i, x: GUTTER - 5, y: middle + 0.35 * size, "font-size": size, "text-anchor": "end", text }),
      svg("text", { class: "key-token", "data-at": i, transform: up, y: 0.35 * size, "font-size": size, "text-anchor": "end", text }),
    ];
  });
  const frame = svg("path", { class: "attention-frame", d: `M${GUTTER} 0V${side}H${GUTTER + side}` });
  labels.replaceChildren(frame, ...made);
}

/** Mark the labels of the cell under the pointer; -1 for none. */
function mark(labels, query, key) {
  for (const text of labels.querySelectorAll("text")) {
    const at = Number(text.dataset.at);
    text.classList.toggle("on", at === (text.classList.contains("query") ? query : key));
  }
}

/** Return the three strongest pairs in words, those with the first token aside: for who cannot see. */
function strongest({ tokens, at }) {
  const pairs = tokens.flatMap((_, query) => Array.from({ length: query }, (__, key) => [query, key + 1])).filter(([query, key]) => key < query);
  pairs.sort((a, b) => at(...b) - at(...a));
  return pairs.slice(0, 3).map(([query, key]) => `${label(tokens[query])} to ${label(tokens[key])} ${shareText(at(query, key))}`).join(", ");
}

function shareText(value) {
  return value > 0 && value < 0.01 ? "under 0.01" : value.toFixed(2);
}
