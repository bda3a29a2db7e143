/** A new calibration: at which step, what it tries, how far it is, or why none can be made. */

import { byId, element, select } from "./elements.mjs";
import { duration, step as formatStep } from "./format.mjs";
import { isOpen } from "./coverage.mjs";

/** Build the panel and return its `update(changed)`. */
export function createStart(model) {
  byId("start-head").replaceChildren(element("h2", { text: "Calibrate" }));
  const body = byId("start-body");
  let step = null;

  function update(changed) {
    if (!changed.has("server")) return;
    const { server } = model.state;
    step ??= server.steps.at(-1);
    if (body.contains(document.activeElement) && body.querySelector("select")?.matches(":focus")) return;
    body.replaceChildren(...(isOpen(server.job) ? progress(server, model) : []), ...form(server));
  }

  function form({ steps, cells, obstacle }) {
    const menu = select({ class: "menu start-step", "aria-label": "Step to calibrate", disabled: obstacle !== "", onchange: (e) => (step = Number(e.target.value)) }, steps.map((t) => [t, formatStep(t)]), step);
    const button = element("button", { type: "button", class: "action", text: "Calibrate", disabled: obstacle !== "" || !steps.length, onclick: () => model.start([step]) });
    const command = `ontogeny calibrate ${model.run} --step ${step ?? "N"} --step-size 1e-5,1e-4`;
    return [
      element("div", { class: "start-line" }, element("label", {}, "at step ", menu), button),
      element("p", { class: "quiet", text: obstacle || `${formatStep(cells)} cells around the run’s settings: a third of each of ε, nβ and γ, the same, and three times. What is measured already is not measured again.` }),
      ...(obstacle ? [] : [element("p", { class: "quiet start-command" }, "Other values, chains or draws: ", element("code", { text: command }))]),
    ];
  }
  return { update };
}

function progress({ job, service }, model) {
  const fill = element("i");
  fill.style.transform = `scaleX(${job.total ? job.done / job.total : 0})`;
  const bar = element("div", { class: "progress-bar", role: "progressbar", "aria-label": "progress of the calibration", "aria-valuemin": 0, "aria-valuemax": job.total || 1, "aria-valuenow": job.done }, fill);
  const left = job.eta !== null && job.eta !== undefined ? `, ${duration(job.eta)} left` : "";
  const words = service ? `${job.state}: ${formatStep(job.done)} of ${formatStep(job.total)} cells${left}` : "A calibration waits, but no service runs:";
  const link = element("a", { href: `${model.prefix}jobs`, text: "Jobs" });
  return [element("div", { class: "start-progress" }, bar, element("span", {}, `${words} `, link))];
}
