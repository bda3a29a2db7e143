/** Writes WebM: the browser encodes the frames, and this puts them into the file. */

const CODECS = [["vp09.00.10.08", "V_VP9"], ["vp8", "V_VP8"]];
/** Bits for a pixel and frame: enough that small text stays sharp. */
const RICH = 0.25;
/** A cluster's times are counted in 16 bits of milliseconds. */
const CLUSTER = 20_000;

/** Return the codec that this browser can write, or null: WebCodecs are there on secure addresses only. */
export async function webmCodec(width, height) {
  if (!globalThis.VideoEncoder) return null;
  for (const [codec, name] of CODECS) {
    const config = configOf(codec, width, height, 8);
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return { codec, name };
  }
  return null;
}

function configOf(codec, width, height, rate) {
  return { codec, width, height, framerate: rate, bitrate: Math.max(1e6, Math.round(RICH * width * height * rate)), latencyMode: "quality" };
}

/** Return what takes frames and gives a WebM: `add(canvas, seconds)` and `finish()`; sizes must be even. */
export function createWebm({ codec, name }, width, height, rate, title) {
  const chunks = [];
  let [time, trouble, space] = [0, null, null];
  const encoder = new VideoEncoder({
    output(chunk, facts) {
      space ??= facts?.decoderConfig?.colorSpace ?? null;
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      chunks.push({ data, time: Math.round(chunk.timestamp / 1000), key: chunk.type === "key" });
    },
    error: (error) => (trouble = error),
  });
  encoder.configure(configOf(codec, width, height, rate));

  async function add(canvas, seconds) {
    if (trouble) throw new Error(`This browser could not encode the film (${trouble.message}); choose GIF.`);
    const frame = new VideoFrame(canvas, { timestamp: time, duration: Math.round(1e6 * seconds) });
    encoder.encode(frame, { keyFrame: time % 5e6 < 1e6 * seconds });
    frame.close();
    time += Math.round(1e6 * seconds);
    while (encoder.encodeQueueSize > 4) await new Promise((done) => setTimeout(done, 5));
  }

  async function finish() {
    await encoder.flush();
    encoder.close();
    if (trouble) throw new Error(`This browser could not encode the film (${trouble.message}); choose GIF.`);
    return new Blob([fileOf(chunks, { name, width, height, seconds: time / 1e6, title, space })], { type: "video/webm" });
  }
  return { add, finish };
}

function fileOf(chunks, { name, width, height, seconds, title, space }) {
  const head = part(0x1a45dfa3, part(0x4286, 1), part(0x42f7, 1), part(0x42f2, 4), part(0x42f3, 8), part(0x4282, "webm"), part(0x4287, 4), part(0x4285, 2));
  const info = part(0x1549a966, part(0x2ad7b1, 1e6), part(0x4489, double(1000 * seconds)), part(0x7ba9, title), part(0x4d80, "Ontogeny"), part(0x5741, "Ontogeny"));
  const video = part(0xe0, part(0xb0, width), part(0xba, height), ...colourOf(space));
  const tracks = part(0x1654ae6b, part(0xae, part(0xd7, 1), part(0x73c5, 1), part(0x83, 1), part(0x9c, 0), part(0x86, name), video));
  return joined([head, part(0x18538067, info, tracks, ...clustersOf(chunks))]);
}

/** Say how colours were encoded: players guess otherwise, by the size of the picture. */
function colourOf(space) {
  const matrix = { rgb: 0, bt709: 1, bt470bg: 5, smpte170m: 6 }[space?.matrix];
  if (matrix === undefined) return [];
  return [part(0x55b0, part(0x55b1, matrix), part(0x55b9, space.fullRange ? 2 : 1), part(0x55ba, 1), part(0x55bb, 1))];
}

function clustersOf(chunks) {
  const clusters = [];
  for (const chunk of chunks) {
    const last = clusters.at(-1);
    if (!last || (chunk.key && chunk.time > last.start) || chunk.time - last.start > CLUSTER) clusters.push({ start: chunk.time, blocks: [] });
    const { start, blocks } = clusters.at(-1);
    const away = chunk.time - start;
    blocks.push(part(0xa3, joined([new Uint8Array([0x81, away >> 8, away & 255, chunk.key ? 0x80 : 0]), chunk.data])));
  }
  return clusters.map(({ start, blocks }) => part(0x1f43b675, part(0xe7, start), ...blocks));
}

/** Return an element of the file: its name, how long it is, and what is in it: a number, words, bytes, other elements. */
function part(name, ...inside) {
  const body = joined(inside.map((value) => (typeof value === "number" ? whole(value) : typeof value === "string" ? new TextEncoder().encode(value) : value)));
  return joined([whole(name), lengthOf(body.length), body]);
}

function lengthOf(length) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length));
  bytes[0] |= 0x01;
  return bytes;
}

function whole(value) {
  const bytes = [];
  for (let rest = value; rest >= 1 || !bytes.length; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return new Uint8Array(bytes);
}

function double(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    bytes.set(p, at);
    at += p.length;
  }
  return bytes;
}
