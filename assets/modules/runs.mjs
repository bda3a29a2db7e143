/** The Runs page: the catalogue, filled run by run, and asked for anew while something is being done. */

import { byId, element } from "./elements.mjs";
import { createForm } from "./runs_form.mjs";
import { createRow } from "./runs_row.mjs";
import { fetched, post } from "./live.mjs";
import { fillHead } from "./head.mjs";
import { note } from "./note.mjs";
import { offerTable } from "./saving.mjs";
import { runsTable } from "./runs_files.mjs";

const PERIOD = 4000;

/** Fill the page under `root` until `signal` aborts. */
export function mountRuns(root, signal) {
  const { prefix } = root.dataset;
  const rows = new Map();
  let shown = [];
  let [timer, asking] = [0, false];
  const list = element("div", { class: "runs-list" });
  byId("runs-body").replaceChildren(list);
  const model = { prefix, signal, act, ask, tell: note };
  const form = createForm(model);
  document.title = "Runs · Ontogeny";
  fillHead({}, signal);
  offerTable(list, () => runsTable(shown.map((run) => [run, rows.get(run.name).held()])));

  /** Post a change and say what came of it; returns why it was refused, or "". */
  async function act(path, body = {}) {
    const { reason, said } = await send(`${prefix}api/${path}`, body);
    if (said) note(said);
    await ask();
    return reason;
  }

  async function ask() {
    clearTimeout(timer);
    if (document.hidden || signal.aborted || asking) return;
    asking = true;
    try {
      const state = await fetched(`${prefix}api/runs`, signal, "The runs", (r) => r.json());
      draw(state);
      for (const { name } of state.runs) await fill(name);
      if (state.runs.some((run) => run.jobs.length)) timer = setTimeout(ask, PERIOD);
    } catch (error) {
      if (error.name === "AbortError") return;
      byId("runs-head").replaceChildren(element("h2", { text: "Runs" }), element("span", { class: "panel-step", text: error.message }));
      timer = setTimeout(ask, 3 * PERIOD);
    } finally {
      asking = false;
    }
  }

  async function fill(name) {
    try {
      const facts = await fetched(`${prefix}api/runs/${encodeURIComponent(name)}`, signal, `Run ${name}`, (r) => r.json());
      rows.get(name)?.fill(facts);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      rows.get(name)?.trouble(error.message);
    }
  }

  function draw(state) {
    const { runs, service } = state;
    shown = runs;
    byId("runs-head").replaceChildren(
      element("h2", { text: "Runs" }),
      element("span", { class: "panel-step", text: `${runs.length} in the catalogue` }),
      element("span", { class: "panel-fact", text: service ? "a service is measuring" : "no service is running" }),
    );
    for (const name of rows.keys()) if (!runs.some((run) => run.name === name)) rows.delete(name);
    for (const run of runs) {
      if (!rows.has(run.name)) rows.set(run.name, createRow(run, model));
      rows.get(run.name).update(run, state);
    }
    const nodes = runs.map((run) => rows.get(run.name).node);
    if (!nodes.length) list.replaceChildren(element("p", { class: "quiet", text: "No run yet. Add one below, or type: ontogeny import data/stdlib_lm" }));
    else if (nodes.some((node, i) => list.children[i] !== node) || list.children.length !== nodes.length) list.replaceChildren(...nodes);
    form.update(state);
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", ask, { signal });
  ask();
}

/** Post JSON; return `{reason, said}`: why it was refused, and what was said of what was done. */
async function send(address, body) {
  let said = "";
  const reason = await post(address, body, (told) => (said = told.said ?? ""));
  return { reason, said };
}
