/** Reads the binary file of a run (dashboard/payload.py writes it): a JSON header, then typed arrays. */

const READERS = {
  f4: (buffer, at, count) => new Float32Array(buffer, at, count),
  i2: (buffer, at, count) => new Int16Array(buffer, at, count),
  f2: (buffer, at, count) => halves(new Uint16Array(buffer, at, count)),
};

/** Fetch and decode a payload. */
export async function fetchPayload(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the data of this run could not be loaded (${response.status})`);
  const payload = decode(await response.arrayBuffer());
  payload.address = address;
  return payload;
}

/** Return the header with every array in its place, each with the `shape` the header gave. */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  return JSON.parse(text, (_, value) => {
    if (typeof value?.at !== "number") return value;
    const count = value.shape.reduce((a, b) => a * b, 1);
    const array = READERS[value.type](buffer, 4 + length + value.at, count);
    array.shape = value.shape;
    return array;
  });
}

/** Return 16-bit floats as 32-bit floats; every browser can do this, not every one has Float16Array. */
function halves(bits) {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = bits[i] & 0x8000 ? -1 : 1;
    const exponent = (bits[i] >> 10) & 0x1f;
    const fraction = bits[i] & 0x3ff;
    if (exponent === 31) values[i] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) values[i] = sign * fraction * 2 ** -24;
    else values[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}

/** Return the curve of that id, of the run or of the task; undefined if there is none. */
export function findCurve(payload, task, id) {
  return curvesOf(payload, task).find((curve) => curve.id === id);
}

/** Return all curves that can be shown for a task. */
export function curvesOf(payload, task) {
  return [...payload.curves, ...(payload.taskCurves[task] ?? [])];
}

/** Return the curve of one component's metric, as the lanes show it. */
export function componentCurve(payload, state) {
  const graph = payload.graphs[state.task];
  const metric = graph?.metrics.find((m) => m.id === state.metric);
  const c = graph?.components.findIndex((x) => x.name === state.component) ?? -1;
  if (!metric || c < 0) return undefined;
  const n = graph.components.length;
  const pick = (table) => Float32Array.from(payload.steps, (_, i) => table[i * n + c]);
  return {
    id: "component",
    name: state.component,
    unit: metric.name,
    group: "selected",
    settings: graph.nodeSettings,
    values: pick(metric.values),
    low: pick(metric.low),
    high: pick(metric.high),
  };
}
