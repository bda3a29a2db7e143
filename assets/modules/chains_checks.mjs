/** The table of checks: each number, its unit, what is good, and whether it is; and the settings. */

import { element, setClass } from "./elements.mjs";
import { panelBody } from "./network_panel.mjs";

const OUTCOMES = { true: ["✓", "passes"], false: ["✗", "fails"], null: ["·", "nothing to pass"] };

/** Build the panel and return its `update(model, changed)`. */
export function createChecks(model) {
  const count = element("span", { class: "quiet" });
  const body = panelBody("checks", "Checks", count);
  let drawn = null;
  function update() {
    const { record } = model.view;
    setClass(body, "stale", !record);
    if (!record || record === drawn) return;
    drawn = record;
    const failed = record.checks.filter((c) => c.passes === false).length;
    count.textContent = failed ? `${failed} of ${record.checks.filter((c) => c.passes !== null).length} fail` : "all pass";
    body.replaceChildren(tableOf(record.checks), settingsOf(record.settings));
  }
  return { update };
}

function tableOf(checks) {
  const rows = (decides) => checks.filter((c) => c.decides === decides).map(rowOf);
  const title = (text) => element("tr", { class: "check-group" }, element("th", { colspan: 4, scope: "rowgroup", text }));
  return element("table", { class: "checks" },
    element("thead", {}, element("tr", {}, ...["check", "value", "good", ""].map((text) => element("th", { scope: "col", text })))),
    element("tbody", {}, title("these decide the verdict"), ...rows(true)),
    element("tbody", {}, title("to be read beside it"), ...rows(false)));
}

function rowOf({ name, value, unit, good, passes, meaning }) {
  const [mark, words] = OUTCOMES[passes];
  return element("tr", { class: passes === false ? "check fails" : "check", title: meaning, "data-check": name },
    element("th", { scope: "row", text: name }),
    element("td", {}, element("strong", { text: value }), element("small", { text: unit })),
    element("td", { class: "check-good", text: good }),
    element("td", { class: "check-mark" }, element("span", { "aria-hidden": "true", text: mark }), element("span", { class: "spoken", text: words })));
}

function settingsOf(settings) {
  return element("dl", { class: "chain-settings" }, ...settings.map(([name, value]) => element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
}
