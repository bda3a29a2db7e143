/** Where the data behind a panel is, as files: the addresses of dashboard/export_api.py. */

import { curvesOf } from "./payload.mjs";
import { addressOf, opened } from "./opened.mjs";

const TABLE_FORMATS = { csv: "CSV", json: "JSON", parquet: "Parquet" };
const GRAPH_FORMATS = { graphml: "GraphML", gexf: "GEXF", json: "JSON" };
/** Panels of these tables draw a graph: there are graph files of them too. */
const OF_GRAPHS = new Set(["edges", "matrix"]);
/** Lanes may name a curve that this graph does not have: a table refuses what it does not know. */
const shown = ({ lanes, payload, graph }) => ({ curves: lanes.filter((id) => curvesOf(payload, graph).some((curve) => curve.id === id)).join(",") });
const drawn = ({ threshold, top }) => ({ threshold, top: top ?? "all" });
/** What a table reads that the address of a page does not always say. */
const MORE = { curves: shown, edges: drawn, graph: drawn };

/** Return the files behind a panel as `[{ label, code, files: [[format, address]] }]`; none for a panel without a table. */
export function tablesOf(panel) {
  const { table } = panel.dataset;
  const main = document.getElementById("main");
  const run = main?.dataset.run;
  if (!table || !run || document.querySelector("meta[name=ontogeny-origin]")) return [];
  const place = `${main.dataset.prefix}export/${encodeURIComponent(run)}`;
  const entry = (name, label, formats) => {
    const query = queryFor(name);
    const address = (ending) => `${place}/${name}.${ending}${query}`;
    return { label, code: address("py"), files: Object.entries(formats).map(([ending, format]) => [format, address(ending)]) };
  };
  const graph = OF_GRAPHS.has(table) ? [entry("graph", "Graph", GRAPH_FORMATS)] : [];
  return [entry(table, "Data", TABLE_FORMATS), ...graph];
}

/** Return the query of the page as it is now, with what a table needs besides. */
function queryFor(table) {
  const { model } = opened();
  const query = new URL(addressOf()).searchParams;
  query.delete("token");
  for (const [name, value] of Object.entries(model?.state && MORE[table] ? MORE[table](model.state) : {})) {
    if (value !== undefined && value !== "") query.set(name, value);
  }
  return `?${query.toString().replaceAll("%2C", ",").replaceAll("%7E", "~").replaceAll("%40", "@")}`;
}
