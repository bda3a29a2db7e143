/** The model of the Component page: that of every page, with one component that is always there. */

import { carriedOver, createPageModel, hearNews } from "./page_model.mjs";
import { isOpen } from "./coverage.mjs";

const PERIOD = 3000;

/** Return the component that the page shows: the one asked for, or else the first head of the graph. */
export function standing(graph, name) {
  const components = graph?.components ?? [];
  const found = components.find((c) => c.name === name) ?? components.find((c) => c.kind === "head") ?? components[0];
  return found?.name ?? null;
}

/** Return the model of a run's page; there is always one component in its state. */
export function createComponentModel(opened, own, signal) {
  const model = createPageModel(opened, own);
  model.set = (fields) => {
    if (!("component" in fields)) return model.store.set(fields);
    const { graph, component } = model.state;
    const shown = model.payload.graphs[fields.graph ?? graph];
    return model.store.set({ ...fields, component: standing(shown, fields.component ?? component) });
  };
  model.measureAttention = () => model.request({ kinds: ["attention"], steps: [model.payload.steps[model.state.index]] });
  hearNews(model, signal, { renew, heard: keepAsking(model, signal) });
  return model;
}

/** The run's newest job keeps the page asking; an older one may be the one that is waited for. */
function keepAsking(model, signal) {
  let timer = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return ({ job, attention }) => {
    model.set({ attention });
    clearTimeout(timer);
    if (!isOpen(job) && Object.keys(attention.waiting).length) timer = setTimeout(model.ask, PERIOD);
  };
}

function renew(model, fresh) {
  const { payload, graph, metric, index } = carriedOver(model, fresh);
  const { component } = model.state;
  model.payload = payload;
  model.set({ payload, graph, metric, component, index });
}
