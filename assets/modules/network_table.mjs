/** The bridge to the rank table: asks Python for its rows, shows its columns, and saves it as CSV. */

import { byId, element, setAttribute } from "./elements.mjs";
import { anyOf } from "./network_panel.mjs";

const GRID = "rank-grid";
/** Dash draws the grid in it, later than the page. */
const PLACE = "rank-place";
const PAUSE = 250;
/** Of a row, of what is above and below the rows, and of the whole table, in pixels. */
const [ROW, FRAME, MOST] = [28, 78, 760];
const VIEW_FIELDS = ["payload", "graph", "metric", "index", "playing"];

/** Build the panel's head and return its `update(model, changed)`. */
export function createTable(model, signal) {
  let timer = 0;
  let all = false;
  const more = element("button", { type: "button", class: "text-button toggle", "aria-pressed": "false", text: "all metrics", onclick: showAll });
  const save = element("button", { type: "button", class: "text-button", text: "Download CSV", onclick: () => download(model) });
  byId("ranks-tools").replaceChildren(more, save);
  // Rows come and go while the grid scrolls: a rule marks the selected one wherever it is.
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
  });
  byId(PLACE).addEventListener("click", (event) => {
    const row = event.target.closest("[row-id]");
    if (row) model.toggle(row.getAttribute("row-id"));
  }, { signal });

  function showAll() {
    all = !all;
    setAttribute(more, "aria-pressed", String(all));
    const api = window.dash_ag_grid.getApi(GRID);
    const rest = api.getColumns().filter((column) => column.getColDef().initialHide && !isEnd(column)).map((column) => column.getColId());
    api.setColumnsVisible(rest, all);
  }

  function ask() {
    const { payload, state } = model;
    if (state.playing || !state.graph) return;
    const { run } = payload;
    window.dash_clientside.set_props("network-view", { data: { run: run.name, revision: payload.address, graph: state.graph, metric: state.metric, step: payload.steps[state.index] } });
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "graph")) fit(model);
    if (changed.has("component")) sheet.replaceSync(markOf(model.state.component));
    if (!anyOf(changed, ...VIEW_FIELDS)) return;
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }
  return { update };
}

/** Return the rule for the row of a component, or none. */
function markOf(component) {
  return component ? `.rank-grid [row-id="${CSS.escape(component)}"] { background-color: color-mix(in srgb, var(--sel) 12%, var(--panel)); }` : "";
}

/** Give the table the height of its rows, up to a point. */
function fit({ payload, state }) {
  const rows = payload.graphs[state.graph]?.components.length ?? 0;
  byId(PLACE).style.height = `${Math.min(MOST, FRAME + rows * ROW)}px`;
}

/** Say whether a column is in the file only: the ends of intervals, and the step. */
function isEnd(column) {
  return /^step$|_(low|high)$/.test(column.getColId());
}

function download({ payload, state }) {
  const api = window.dash_ag_grid.getApi(GRID);
  const shown = api.getDisplayedRowAtIndex(0)?.data.step ?? payload.steps[state.index];
  const columnKeys = api.getColumns().map((column) => column.getColId()).filter((id) => !id.endsWith("_text"));
  api.exportDataAsCsv({ columnKeys, skipColumnGroupHeaders: true, fileName: `${payload.run.name}-${state.graph}-step-${shown}.csv` });
}
