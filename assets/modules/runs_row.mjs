/** One run of the catalogue: what it is, what is measured, what is out of date, and what can be done. */

import { duration, number, step as count } from "./format.mjs";
import { element, setText } from "./elements.mjs";
import { KIND_NAMES, isOpen } from "./coverage.mjs";

const SOURCES = { folder: "from a folder", hub: "from the hub", shipped: "records that ship with this project" };

/** Return a row: `node`, `update(run, state)`, `fill(facts)`, `held()`, which are those, and `trouble(words)`. */
export function createRow(run, model) {
  const parts = {
    title: element("a", { class: "run-title", href: `${model.prefix}?run=${encodeURIComponent(run.name)}`, text: run.name }),
    summary: element("p", { class: "quiet" }), facts: element("dl", { class: "run-facts" }),
    bars: element("div", { class: "run-bars" }, element("p", { class: "quiet", text: "Reading its records …" })),
    stale: element("ul", { class: "run-stale" }), job: element("p", { class: "run-job", hidden: true }),
    actions: element("div", { class: "run-actions" }), ask: element("div", { class: "run-ask", hidden: true }), reason: element("p", { class: "failed-text", role: "alert", hidden: true }),
  };
  const node = element("article", { class: "run-row", "data-run": run.name, "aria-label": run.name },
    element("div", { class: "run-what" }, element("h3", {}, parts.title), parts.summary, parts.facts),
    element("div", { class: "run-measured" }, parts.bars, parts.stale, parts.job),
    element("div", { class: "run-do" }, parts.actions, parts.ask, parts.reason));
  let [now, held, server] = [run, null, null];

  function update(next, state) {
    [now, server] = [next, state];
    setText(parts.summary, now.summary || "No summary.");
    parts.facts.replaceChildren(...facts(now, held).flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })]));
    paintJob(parts.job, now, state, model);
    if (!parts.actions.contains(document.activeElement)) parts.actions.replaceChildren(...actions());
  }

  function fill(found) {
    held = found;
    const more = found.more.map((kind) => KIND_NAMES[kind] ?? kind);
    parts.bars.replaceChildren(...bars(found.coverage), ...(more.length ? [element("p", { class: "quiet", text: `also, on demand: ${more.join(", ")}` })] : []));
    parts.stale.replaceChildren(...found.stale.map((text) => element("li", { text })));
    update(now, server);
  }

  function actions() {
    const { name } = now;
    const button = (text, act, more = {}) => element("button", { type: "button", class: "text-button run-button-small", text, "aria-label": `${text} ${name}`, onclick: act, ...more });
    const found = [element("a", { class: "action run-open", href: `${model.prefix}?run=${encodeURIComponent(name)}`, text: "Open" })];
    if (!now.obstacle) {
      found.push(button("measure the rest", () => ask(measureWords(held, server), "Start measuring", () => model.act("jobs", { run: name })), { disabled: !held || !held.missing || now.jobs.length > 0 }));
      if (server.takes) found.push(button("look for new checkpoints", () => done(model.act(`runs/${encodeURIComponent(name)}/rescan`))));
    }
    if (server.takes) found.push(button("remove", () => ask(removeWords(now), `Remove ${name}`, () => model.act(`runs/${encodeURIComponent(name)}/remove`))));
    return found;
  }

  /** Say what will happen, and do it when that is confirmed. */
  function ask(words, label, act) {
    const close = () => (parts.ask.hidden = true);
    const yes = element("button", { type: "button", class: "action", text: label, onclick: () => (close(), done(act())) });
    parts.ask.replaceChildren(element("p", { text: words }), element("div", { class: "run-actions" }, yes, element("button", { type: "button", class: "text-button", text: "not now", onclick: close })));
    parts.ask.hidden = false;
    yes.focus();
  }

  async function done(promise) {
    parts.reason.hidden = false;
    setText(parts.reason, "…");
    const reason = await promise;
    setText(parts.reason, reason);
    parts.reason.hidden = !reason;
  }

  return { node, update, fill, held: () => held, trouble: (words) => parts.bars.replaceChildren(element("p", { class: "failed-text", text: words })) };
}

function facts(run, held) {
  return [
    ["source", `${SOURCES[run.source]}${run.location ? ` (${run.location})` : ""}`],
    ["licence", run.licence],
    ...(run.recipe ? [["recipe", `${run.recipe}${run.seed === null ? "" : `, seed ${run.seed}`}`]] : run.seed === null ? [] : [["seed", String(run.seed)]]),
    ["checkpoints", run.checkpoints ? `${count(run.checkpoints)}, steps ${count(run.first)} to ${count(run.last)}` : "none"],
    ...(run.tokens ? [["tokens", tokens(run.tokens)]] : []),
    ...(held ? [["components", held.components ? count(held.components) : "no graph yet"], ["in the store", `${count(held.records)} records, ${size(held.size)}`]] : []),
  ];
}

/** One bar for each kind of measurement: how much of it is there, over all its settings and steps. */
function bars(coverage) {
  const kinds = new Map();
  for (const { kind, label, done, total } of coverage) {
    const sum = kinds.get(kind) ?? { done: 0, total: 0, labels: [] };
    kinds.set(kind, { done: sum.done + done, total: sum.total + total, labels: [...sum.labels, `${label}: ${count(done)} of ${count(total)}`] });
  }
  return [...kinds].map(([kind, { done, total, labels }]) => {
    const fill = element("i");
    fill.style.transform = `scaleX(${total ? done / total : 0})`;
    const name = KIND_NAMES[kind] ?? kind;
    return element("div", { class: "run-bar", title: labels.join("\n") },
      element("span", { text: name }),
      element("div", { class: "progress-bar", role: "progressbar", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": total || 1, "aria-valuenow": done }, fill),
      element("span", { class: "quiet", text: `${count(done)} of ${count(total)}` }));
  });
}

function paintJob(node, { jobs }, { service }, { prefix }) {
  node.hidden = !jobs.length;
  const job = jobs.at(-1);
  if (!job) return;
  const left = isOpen(job) && job.eta !== null ? `, ${duration(job.eta)} left` : "";
  const words = service ? `${job.state}: ${count(job.done)} of ${count(job.total)}${left} ` : "A job waits, but no service runs. ";
  node.replaceChildren(words, element("a", { href: `${prefix}jobs`, text: "Jobs" }));
}

/** Say what measuring the rest takes, before it starts. */
function measureWords(held, { service }) {
  const told = [held.missing === 1 ? "1 measurement is missing." : `${count(held.missing)} measurements are missing.`];
  if (held.seconds === null) told.push("No record of their kinds is here yet, so nobody can tell how long that takes.");
  else told.push(`By the records that are here: ${time(held.seconds)} of one worker, and ${size(held.room)} in the store.`);
  if (held.seconds !== null && held.unknown.length) told.push(`Without ${held.unknown.map((kind) => KIND_NAMES[kind] ?? kind).join(" and ")}, of which nothing is known.`);
  if (!service) told.push("No service is running: the job waits until one is started.");
  return told.join(" ");
}

function removeWords({ source }) {
  return `The run leaves the list. Its records stay in the store and are there again if it is added from the same place under the same name.${source === "shipped" ? " A development that ships comes back when the server starts anew." : ""}`;
}

function time(seconds) {
  return seconds < 60 ? "less than a minute" : `about ${duration(seconds)}`;
}

function size(bytes) {
  if (bytes < 1e6) return `${number(bytes / 1e3, 0)} kB`;
  return bytes < 1e9 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 1)} GB`;
}

function tokens(total) {
  return total < 1e9 ? `${number(total / 1e6, 1)} million seen` : `${number(total / 1e9, 1)} thousand million seen`;
}
