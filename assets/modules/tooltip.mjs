/** The one tooltip of the page. */

import { element } from "./elements.mjs";

let node = null;

/** Show `{title, rows: [[name, value]], words, foot}` near a point of the window; words are optional. */
export function showTooltip(x, y, { title, rows, words, foot }) {
  if (!node?.isConnected) {
    node = element("div", { class: "tooltip", role: "tooltip" });
    document.body.append(node);
  }
  node.replaceChildren(
    element("strong", { text: title }),
    element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })])),
    ...(words ? [element("p", { text: words })] : []),
    element("small", { text: foot }),
  );
  node.hidden = false;
  const { width, height } = node.getBoundingClientRect();
  const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
  const top = y + 14 + height > innerHeight ? y - 14 - height : y + 14;
  node.style.transform = `translate(${Math.max(4, Math.round(left))}px,${Math.max(4, Math.round(top))}px)`;
}

/** Hide the tooltip. */
export function hideTooltip() {
  if (node) node.hidden = true;
}
