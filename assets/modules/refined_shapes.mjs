/** Kinds of curves: the mean shape of each, who belongs to it, and whether one can tell. */

import { anyOf, createReason, panelBody } from "./network_panel.mjs";
import { clustersOf, curvesOf } from "./refined_model.mjs";
import { element, setAttribute, setClass, setText } from "./elements.mjs";
import { kindNamed, kindOfPart, verdictOn } from "./refined_kinds.mjs";
import { createCurves } from "./network_curves.mjs";

const LOADING = "Computing over all checkpoints …";

/** Build the panel and return its `update(model, changed)`. */
export function createShapes(model, signal) {
  const short = element("strong");
  const body = panelBody("shapes", "Kinds of curves", short);
  const content = element("div", { class: "shapes-content" });
  body.replaceChildren(content);
  const reason = createReason(body);
  let [drawing, chips] = [null, []];

  function rebuild() {
    const clusters = clustersOf(model);
    reason.say(model.state.clustersTrouble || (clusters ? "" : LOADING));
    setText(short, clusters ? verdictOn(clusters).short : "");
    [drawing, chips] = [null, []];
    if (!clusters) return content.replaceChildren();
    const parts = [element("p", { class: "panel-words", text: verdictOn(clusters).long })];
    if (clusters.k) {
      drawing = createCurves(model, signal, { label: "Mean shapes", unit: "standard deviations", lines: linesOf(clusters) });
      parts.unshift(element("div", { class: "shapes-row" }, drawing.ends, drawing.node), element("p", { class: "lane-unit", text: "mean shape of each kind; a curve less its mean, in its own standard deviations over the time axis" }));
    }
    if (clusters.k > 1) parts.splice(2, 0, members(clusters));
    if (clusters.k) parts.push(element("p", { class: "panel-words", text: `By k-means, over the ${clusters.checkpoints} checkpoints at which every part has a learning coefficient; lines between them are straight.` }));
    return content.replaceChildren(...parts);
  }

  function members(clusters) {
    const rows = Array.from({ length: clusters.k }, (_, k) => {
      const own = curvesOf(model).filter((curve) => clusters.labels[clusters.parts.indexOf(curve.component)] === k);
      return element("div", { class: "kind-row" }, badgeOf(k), element("span", { class: "kind-parts" }, ...own.map((curve) => chip(curve.component, clusters))));
    });
    const rest = clusters.parts.filter((_, i) => clusters.labels[i] < 0);
    if (rest.length) rows.push(element("div", { class: "kind-row" }, element("span", { class: "quiet", text: "none" }), element("span", { class: "kind-parts" }, ...rest.map((part) => chip(part, clusters)))));
    return element("div", { class: "kind-rows" }, ...rows);
  }

  function chip(part, clusters) {
    const kind = kindOfPart(clusters, part);
    const node = element("button", { type: "button", class: "kind-part", title: kind?.words ?? "Does not vary, or lacks too many checkpoints", text: part + (kind && !kind.sure ? " ?" : ""), onclick: () => model.toggle(part) });
    chips.push({ part, node });
    return node;
  }

  function update(_, changed) {
    if (anyOf(changed, "payload", "refined", "clusters", "clustersTrouble")) rebuild();
    else if (anyOf(changed, "axis", "zoom")) drawing?.draw();
    drawing?.paint();
    for (const { part, node } of chips) {
      setClass(node, "selected", part === model.state.component);
      setAttribute(node, "aria-pressed", String(part === model.state.component));
    }
  }
  return { update };
}

function badgeOf(label) {
  const { letter, colour } = kindNamed(label);
  const node = element("span", { class: "kind-badge", text: letter });
  node.style.setProperty("--kind", colour);
  return node;
}

function linesOf({ centres, k }) {
  const steps = centres.shape[1];
  return Array.from({ length: k }, (_, c) => ({
    name: k > 1 ? `kind ${kindNamed(c).letter}` : "all parts", kind: k > 1 ? `kind-${c + 1}` : "llc", values: centres.subarray(c * steps, (c + 1) * steps),
  }));
}
