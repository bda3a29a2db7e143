/** The Jobs page: asks for the queue while a job is open, and on return. */

import { byId, element } from "./elements.mjs";
import { duration, step as count } from "./format.mjs";
import { fillHead } from "./head.mjs";
import { isOpen } from "./coverage.mjs";
import { note } from "./note.mjs";
import { offerTable } from "./saving.mjs";
import { post } from "./live.mjs";

const PERIOD = 3000;
const TOLD = ["run", "measurements", "checkpoints", "done", "total", "failed", "state", "reason"];

/** Fill the page under `root` until `signal` aborts. */
export function mountJobs(root, signal) {
  const { prefix } = root.dataset;
  let timer = 0;
  let shown = [];

  async function ask() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const response = await fetch(`${prefix}api/jobs`, { signal });
      if (response.ok) draw(await response.json());
    } catch (error) {
      if (error.name !== "AbortError") timer = setTimeout(ask, 4 * PERIOD);
    }
  }

  function draw({ jobs, service }) {
    const open = jobs.filter(isOpen);
    shown = jobs;
    byId("jobs-head").replaceChildren(
      element("h2", { text: "Jobs" }),
      element("span", { class: "panel-step", text: open.length ? `${open.length} open` : "none open" }),
      element("span", { class: "panel-fact", text: service ? "a service is measuring" : "no service is running" }),
    );
    const act = async (job, action) => {
      const refused = await post(`${prefix}api/jobs/${job.id}/${action}`, {});
      if (refused) note(refused);
      ask();
    };
    byId("jobs-list").replaceChildren(
      ...(open.length && !service ? [element("p", { class: "hint" }, "Nobody measures for this store: start ", element("code", { text: "ontogeny serve" }), " or ", element("code", { text: "ontogeny service" }), ".")] : []),
      jobs.length ? table(jobs, prefix, act) : element("p", { class: "quiet" }, "Nothing has been asked for. Press ", element("em", { text: "measure the rest" }), " on the page ", element("a", { href: `${prefix}runs`, text: "Runs" }), ", or type ", element("code", { text: "ontogeny compute RUN" }), "."),
    );
    if (open.length) timer = setTimeout(ask, PERIOD);
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  document.addEventListener("visibilitychange", ask, { signal });
  document.title = "Jobs · Ontogeny";
  fillHead({}, signal);
  offerTable(byId("jobs-list"), () => jobsTable(shown));
  ask();
}

/** Return every job as a row; "all" checkpoints are those that the run had when it was asked. */
function jobsTable(jobs) {
  const rows = jobs.map((job) => [...TOLD.map((name) => (name === "checkpoints" ? job.checkpoints ?? "all" : job[name])), new Date(1000 * job.created).toISOString()]);
  return { name: "jobs.csv", rows: [[...TOLD, "asked"], ...rows] };
}

function table(jobs, prefix, act) {
  const titles = ["run", "what", "progress", "state", "asked", ""];
  const head = element("tr", {}, ...titles.map((text) => element("th", { text, scope: "col" })));
  return element("table", { class: "jobs-table" }, element("thead", {}, head), element("tbody", {}, ...jobs.map((job) => row(job, prefix, act))));
}

function row(job, prefix, act) {
  const action = isOpen(job) ? "cancel" : "retry";
  const button = element("button", { type: "button", class: "text-button", text: action, "aria-label": `${action} ${job.run}`, onclick: () => act(job, action) });
  const what = `${count(job.measurements)} measurements, ${job.checkpoints === null ? "all" : count(job.checkpoints)} checkpoints`;
  return element(
    "tr", {},
    element("td", {}, element("a", { href: `${prefix}?run=${encodeURIComponent(job.run)}`, text: job.run })),
    element("td", { text: what }),
    element("td", {}, bar(job)),
    element("td", {}, state(job)),
    element("td", { text: date(job.created) }),
    element("td", {}, button),
  );
}

function bar(job) {
  const share = job.total ? job.done / job.total : 0;
  const fill = element("i");
  fill.style.transform = `scaleX(${share})`;
  const text = job.total ? `${count(job.done)} of ${count(job.total)}` : "";
  return element("div", { class: "progress" }, element("div", { class: `progress-bar ${job.state}`, role: "progressbar", "aria-label": `progress of ${job.run}`, "aria-valuemin": 0, "aria-valuemax": job.total || 1, "aria-valuenow": job.done }, fill), element("span", { text }));
}

function state(job) {
  const left = isOpen(job) && job.eta !== null ? `, ${duration(job.eta)} left` : "";
  const failed = job.failed ? element("span", { class: "failed-text", text: `${count(job.failed)} failed` }) : null;
  const reason = job.reason ? element("div", { class: job.state === "failed" ? "failed-text" : "quiet", text: job.reason }) : null;
  return element("div", { class: "job-state" }, element("span", { text: job.state + left }), failed, reason);
}

function date(seconds) {
  const parts = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(1000 * seconds).toLocaleString("en-GB", parts);
}
