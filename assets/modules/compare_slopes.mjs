/** The slope chart: each component's rank at A at the left, at B at the right, and a line between. */

import { anyOf, onSize, panelBody } from "./network_panel.mjs";
import { element, setAttribute, setClass, setText, svg } from "./elements.mjs";
import { offerTable } from "./saving.mjs";
import { rankText } from "./compare_text.mjs";
import { ranksTable } from "./compare_files.mjs";
import { rowsOf } from "./compare_values.mjs";

const [SIDE, TOP, LEAST] = [96, 20, 13];
const MOST = 40;

/** Build the panel and return its `update(model, changed)`. */
export function createSlopes(model, signal) {
  const fact = element("span", { class: "quiet" });
  const body = panelBody("compare-slopes", "Ranks at A and at B", fact);
  document.getElementById("compare-slopes-head").querySelector(".panel-step").remove();
  const picture = svg("svg", { role: "img", "aria-label": "Ranks at A and at B; the table has them as numbers" });
  const canvas = element("div", { class: "slope-canvas" }, picture);
  body.replaceChildren(canvas);
  offerTable(body, () => ranksTable(model));
  let size = { width: 0, height: 0 };
  let items = [];
  onSize(canvas, signal, (width, height) => {
    size = { width, height };
    rebuild(rowsOf(model));
    paint(rowsOf(model));
  });

  function rebuild(rows) {
    setAttribute(picture, "viewBox", `0 0 ${size.width} ${size.height}`);
    items = rows.map((row) => buildItem(row, model));
    const heads = ["A", "B"].map((text, k) => svg("text", { class: "slope-head", x: k ? size.width - SIDE : SIDE, y: 11, "text-anchor": k ? "start" : "end", text }));
    picture.replaceChildren(...heads, ...items.map((item) => item.node));
    setText(fact, rows.length > MOST ? `the first ${MOST} at A or B` : "");
  }

  function paint(rows) {
    const shown = Math.min(MOST, rows.length);
    const gap = Math.max(1, (size.height - TOP - 8) / Math.max(1, shown));
    const y = (rank) => TOP + (rank - 0.5) * gap;
    const ends = [places(rows, "a"), places(rows, "b")];
    items.forEach((item, i) => paintItem(item, rows[i], { size, y, shown, gap }, [ends[0][i], ends[1][i]], model.state));
  }

  function update(_, changed) {
    const rows = rowsOf(model);
    const needed = `${Math.max(120, TOP + 8 + Math.min(MOST, rows.length) * 18)}px`;
    if (canvas.style.getPropertyValue("--slopes") !== needed) canvas.style.setProperty("--slopes", needed);
    if (items.length !== rows.length || anyOf(changed, "payload", "beside", "graph")) rebuild(rows);
    paint(rows);
  }
  return { update };
}

/** Return each component's own line of the chart: ranks that are shared stand below each other. */
function places(rows, side) {
  const known = [...rows.keys()].filter((i) => Number.isFinite(rows[i][side]?.rank)).sort((x, y) => rows[x][side].rank - rows[y][side].rank || x - y);
  const found = rows.map(() => NaN);
  known.forEach((i, at) => (found[i] = at + 1));
  return found;
}

function buildItem({ name, kind }, model) {
  const line = svg("path");
  const labels = ["end", "start"].map((anchor) => svg("text", { "text-anchor": anchor }));
  const node = svg("g", { class: `slope ${kind}`, "data-component": name, onclick: () => model.toggle(name) }, line, ...labels);
  return { name, node, line, labels };
}

function paintItem({ name, node, line, labels }, row, { size, y, shown, gap }, ends, { component }) {
  const seen = ends.map((place) => place <= shown);
  node.style.display = seen.some(Boolean) ? "" : "none";
  const at = ends.map((place) => (Number.isFinite(place) ? y(Math.min(place, shown + 0.6)) : NaN));
  const xs = [SIDE + 6, size.width - SIDE - 6];
  line.style.display = at.every(Number.isFinite) ? "" : "none";
  if (at.every(Number.isFinite)) setAttribute(line, "d", `M${xs[0]} ${at[0].toFixed(1)}L${xs[1]} ${at[1].toFixed(1)}`);
  const verdict = row.moved?.verdict;
  setAttribute(line, "class", verdict > 0 ? "higher" : verdict < 0 ? "lower" : "unsure");
  labels.forEach((label, k) => {
    const side = k ? row.b : row.a;
    label.style.display = seen[k] && gap >= LEAST - 3 ? "" : "none";
    setAttribute(label, "x", String(k ? xs[1] + 6 : xs[0] - 6));
    setAttribute(label, "y", ((at[k] || 0) + 4).toFixed(1));
    setText(label, k ? `${rankText(side?.rank)}  ${name}` : `${name}  ${rankText(side?.rank)}`);
  });
  setClass(node, "selected", name === component);
}
