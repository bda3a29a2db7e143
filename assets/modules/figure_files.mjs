/** Pictures of panels as files. */

import { figureOf, fileName, pngOf } from "./figure.mjs";
import { inScheme } from "./head.mjs";
import { save } from "./saving.mjs";

/** Save a panel as SVG; `light` on a light background, whatever the page's theme. */
export async function saveSvg(panel, light = false) {
  const { text } = await drawn(panel, light);
  save(new Blob([text], { type: "image/svg+xml" }), `${fileName(panel)}.svg`);
}

/** Save a panel as PNG of `scale` pixels for one of the page's. */
export async function savePng(panel, scale, light = false) {
  save(await pngOf(await drawn(panel, light), scale), `${fileName(panel)}.png`);
}

/** Return a panel as a figure, once what it shows is drawn. */
export async function drawn(panel, light = false) {
  if (light) return inScheme("light", panel, () => figureOf(panel));
  return figureOf(panel);
}
