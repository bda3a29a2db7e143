/** Why something on the page is empty, and the button or the command that fills it. */

import { element, setClass } from "./elements.mjs";
import { isOpen } from "./coverage.mjs";

/** Return what covers an empty panel: `say(why)`, where `why` is words, `{kind}` of what nobody measured, or null for nothing. */
export function createAbsence(model, body) {
  const node = element("div", { class: "panel-state", hidden: true });
  body.append(node);
  return {
    say(why) {
      node.hidden = !why;
      setClass(body, "bare", Boolean(why));
      node.replaceChildren(...(why?.kind ? unmeasured(model, why.kind) : why ? [element("span", { text: why })] : []));
    },
  };
}

/** Return the words for a kind of measurement of which nothing is there, with what can be done; `what` names it. */
export function unmeasured(model, kind, what = "") {
  const words = (text) => element("span", { text: what ? `${what}: ${text[0].toLowerCase()}${text.slice(1)}` : text });
  if (model.obstacle) return [words(`Not measured. ${model.obstacle}`)];
  if (isOpen(model.job)) return [words("Not measured yet; a job for this run waits or is under way.")];
  const button = element("button", { type: "button", class: "action", text: "Compute", "data-kind": kind, onclick: () => model.request({ kinds: [kind] }) });
  return [words("Not measured yet."), button, element("span", { class: "command" }, "or type ", element("code", { text: `ontogeny compute ${model.run} --kinds ${kind}` }))];
}

/** Return why a panel that needs a part of the details is empty, as `say` takes it; null while they come, and if they are there. */
export function lackingDetails({ state }, part, kind) {
  if (state.detailsTrouble) return state.detailsTrouble;
  return state.details && !state.details[part] ? { kind } : null;
}

/** Say whether a panel that is empty may have to say something else now. */
export function isOtherAbsence(changed) {
  return ["payload", "details", "detailsTrouble", "job", "obstacle"].some((name) => changed.has(name));
}
