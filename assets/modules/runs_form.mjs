/** The form that adds a run: out of an allowed folder, or from the hub. What was typed stays until it worked. */

import { byId, element, setAttribute, setText } from "./elements.mjs";
import { step as count } from "./format.mjs";

/** Build the form and return its `update(state)`. */
export function createForm(model) {
  byId("runs-add-head").replaceChildren(element("h2", { text: "Add a run" }));
  const field = (name, label, more = {}) => ({ input: element("input", { type: "text", name, autocomplete: "off", spellcheck: "false", class: "runs-input", ...more }), label });
  const fields = {
    folder: field("folder", "folder", { list: "runs-places", placeholder: "my-model" }),
    repository: field("repository", "model on the hub", { placeholder: "EleutherAI/pythia-14m" }),
    name: field("name", "name", { placeholder: "the end of its place" }),
    recipe: field("recipe", "recipe", { placeholder: "what runs share that differ in the seed" }),
    tokens: field("tokens", "tokens a step", { inputmode: "numeric", placeholder: "to compare by tokens" }),
  };
  const sources = { folder: "out of a folder", hub: "from the hub" };
  let source = "folder";
  const choices = Object.entries(sources).map(([id, text]) => element("button", { type: "button", text, "data-source": id, onclick: () => ((source = id), paint()) }));
  const rows = Object.fromEntries(Object.entries(fields).map(([name, { input, label }]) => [name, element("label", { class: "runs-field" }, element("span", { text: label }), input)]));
  const list = element("datalist", { id: "runs-places" });
  const offers = element("div", { class: "runs-offers" });
  const send = element("button", { type: "submit", class: "action", text: "Add" });
  const reason = element("p", { class: "failed-text", role: "alert", hidden: true });
  const where = element("p", { class: "panel-words" });
  const form = element("form", { class: "runs-form", onsubmit: submit },
    element("span", { class: "segments", role: "group", "aria-label": "Where the run is" }, ...choices),
    ...Object.values(rows), element("div", { class: "run-actions" }, send), reason);
  const closed = element("p", { class: "quiet", hidden: true });
  byId("runs-add-body").replaceChildren(closed, form, offers, where, list);

  async function submit(event) {
    event.preventDefault();
    const { folder, repository, name, recipe, tokens } = Object.fromEntries(Object.entries(fields).map(([key, { input }]) => [key, input.value]));
    const hub = source === "hub";
    reason.hidden = true;
    send.disabled = true;
    setText(send, hub ? "Asking the hub …" : "Reading the folder …");
    const refused = await model.act("runs/add", { location: hub ? repository : folder, hub, name, recipe, tokens });
    send.disabled = false;
    setText(send, "Add");
    setText(reason, refused);
    reason.hidden = !refused;
    const first = fields[hub ? "repository" : "folder"].input;
    setAttribute(first, "aria-invalid", String(Boolean(refused)));
    if (refused) first.focus();
    else for (const { input } of Object.values(fields)) input.value = "";
  }

  function paint() {
    rows.folder.hidden = source !== "folder";
    rows.repository.hidden = source !== "hub";
    offers.hidden = source !== "folder";
    for (const button of choices) setAttribute(button, "aria-pressed", String(button.dataset.source === source));
  }

  function update({ places, folders, takes, refusal }) {
    form.hidden = !takes;
    closed.hidden = takes;
    setText(closed, refusal);
    list.replaceChildren(...places.map(({ folder }) => new Option(folder)));
    offers.replaceChildren(...(takes ? places.slice(0, 8).map(({ folder, checkpoints }) => element("button", { type: "button", class: "text-button", text: `${folder} · ${count(checkpoints)} checkpoints`, onclick: () => ((fields.folder.input.value = folder), fields.folder.input.focus()) })) : []));
    setText(where, takes ? whereWords(folders, places) : "");
    paint();
  }
  return { update };
}

function whereWords(folders, places) {
  const from = folders.length ? `Folders out of which runs may be added here: ${folders.join(", ")} (--runs-folders).` : "No folder is allowed here: start the server with --runs-folders FOLDER.";
  return `${from}${folders.length && !places.length ? " There is nothing in them with checkpoints that is not in the catalogue." : ""} A folder holds sub-folders such as checkpoint-100 or step100; a model on the hub has revisions such as step100. Adding reads no weights; then measure it.`;
}
