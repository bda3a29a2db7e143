/** The catalogue as a file: a row for each run and measurement, with how many checkpoints have it. */

const RUN = ["run", "source", "recipe", "seed", "licence", "checkpoints", "first_step", "last_step", "tokens"];
const HELD = ["components", "records", "bytes"];
const MEASURED = ["kind", "measurement", "measured", "wanted"];

/** Return the table of pairs of a run and what is held of it; one whose records are not read yet, null, has one row without them. */
export function runsTable(runs) {
  const rows = runs.flatMap(([run, found]) => {
    const facts = [...factsOf(run), found?.components, found?.records, found?.size];
    const measured = found ? measuredOf(found) : [];
    return (measured.length ? measured : [[]]).map((row) => [...facts, ...MEASURED.map((_, i) => row[i])]);
  });
  return { name: "runs.csv", rows: [[...RUN, ...HELD, ...MEASURED], ...rows] };
}

function factsOf({ name, source, recipe, seed, licence, checkpoints, first, last, tokens }) {
  return [name, source, recipe, seed, licence, checkpoints, first, last, tokens];
}

/** Standard measurements with what is wanted of them; of those on demand only that there are some. */
function measuredOf({ coverage, more }) {
  return [
    ...coverage.map(({ kind, label, done, total }) => [kind, label, done, total]),
    ...more.map((kind) => [kind, "on demand", "", ""]),
  ];
}
