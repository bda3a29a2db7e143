/** What the panels of the Network page share: heads, reasons for what is missing, and pointing. */

import { byId, element, setClass, setText } from "./elements.mjs";
import { createBands } from "./stage_bands.mjs";
import { hideTooltip, showTooltip } from "./tooltip.mjs";
import { number } from "./format.mjs";
import { stepText } from "./page_model.mjs";

const LOADING = "Computing over all checkpoints …";

/** Fill a panel's head: its title, the step it shows, and `facts` at the right; return the body. */
export function panelBody(id, title, ...facts) {
  byId(`${id}-head`).replaceChildren(
    element("h2", { text: title }),
    element("span", { class: "panel-step", "data-step": id }),
    element("span", { class: "panel-fact" }, ...facts),
  );
  return byId(`${id}-body`);
}

/** Return what covers a panel with the reason why it is empty: `say(reason)`, "" for none. */
export function createReason(body) {
  const words = element("span");
  const node = element("div", { class: "panel-state", hidden: true }, words);
  body.append(node);
  return {
    say(reason) {
      node.hidden = !reason;
      setText(words, reason);
      setClass(body, "bare", reason !== "" && reason !== LOADING);
      for (const other of body.children) if (other !== node) other.style.visibility = reason ? "hidden" : "";
    },
  };
}

/** Return why what `name` needs is missing, or "": structures come after the run's data. */
export function lacking({ state }, name) {
  if (!state.graph) return "No graph is measured yet.";
  if (state.trouble) return state.trouble;
  if (!state.structure) return LOADING;
  return state.structure.absent[name] ?? "";
}

/** Tell what is under the pointer: beside it, and to those who listen. */
export function tell(model, event, told) {
  if (!told) return hush();
  showTooltip(event.clientX, event.clientY, told);
  return model.speak([told.title, ...told.rows.map((row) => row.join(" ")), told.words ?? "", told.foot].filter(Boolean).join(". "));
}

/** Tell nothing any more. */
export function hush() {
  hideTooltip();
}

/** Return a step as panels name it. */
export function stepAt(model, index) {
  return `step ${stepText(model, index)}`;
}

/** Return a value with its interval in words, to so many decimals. */
export function withInterval(value, low, high, places) {
  if (!Number.isFinite(value)) return "not measured";
  const known = Number.isFinite(low) && Number.isFinite(high);
  return number(value, places) + (known ? ` (${number(low, places)} to ${number(high, places)})` : "");
}

/** Call `act(width, height)` whenever an element has another size, until the page goes. */
export function onSize(node, signal, act) {
  const observer = new ResizeObserver(([entry]) => act(entry.contentRect.width, entry.contentRect.height));
  observer.observe(node);
  signal.addEventListener("abort", () => observer.disconnect());
}

/**
 * Return a plane over the time axis: `node` with the stages and a cursor at the step, `size`, and `paint()`.
 *
 * `describe(index, share)` tells what is at a checkpoint and a share of the height; a click goes
 * to that checkpoint. `draw()` draws what stands on the plane when it has another size, and
 * `stages` says how those of the LLC are drawn (stage_bands.mjs); a plane that holds what can have
 * the focus is no image but has the `role` of a group.
 */
export function createPlane(model, signal, { label, describe, draw, stages = "plane", role = "img" }, ...children) {
  const cursor = element("div", { class: "cursor" });
  const node = element("div", { class: "time-plane", role, "aria-label": label }, createBands(model, stages), ...children, cursor);
  const size = { width: 0, height: 0 };
  const at = (event) => {
    const box = node.getBoundingClientRect();
    return [model.axis.nearest((event.clientX - box.left) / box.width), (event.clientY - box.top) / box.height];
  };
  node.addEventListener("pointermove", (event) => tell(model, event, describe(...at(event))), { signal });
  node.addEventListener("pointerleave", hush, { signal });
  node.addEventListener("click", (event) => !event.target.closest("button") && model.go(at(event)[0]), { signal });
  onSize(node, signal, (width, height) => {
    Object.assign(size, { width, height });
    draw();
    paint();
  });
  function paint() {
    const fraction = model.axis.fraction(model.state.index);
    cursor.style.display = fraction >= -0.001 && fraction <= 1.001 ? "" : "none";
    cursor.style.transform = `translateX(${(fraction * size.width).toFixed(1)}px)`;
  }
  return { node, size, paint };
}

/** Say whether any of these changed. */
export function anyOf(changed, ...names) {
  return names.some((name) => changed.has(name));
}

/** Let the pointer name the point of a drawing under it, and a click select its component. */
export function listenToPoints(cloud, model, signal) {
  const under = (event) => {
    const box = cloud.plane.getBoundingClientRect();
    return cloud.nearest(event.clientX - box.left, event.clientY - box.top);
  };
  cloud.plane.addEventListener("pointermove", (event) => {
    const found = under(event);
    tell(model, event, found && { title: found.name, rows: found.rows, foot: stepAt(model, model.state.index) });
  }, { signal });
  cloud.plane.addEventListener("pointerleave", hush, { signal });
  cloud.plane.addEventListener("click", (event) => {
    const found = under(event);
    if (found) model.toggle(found.name);
  }, { signal });
}
