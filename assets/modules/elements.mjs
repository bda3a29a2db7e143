/** Making and finding elements. No module keeps a reference that outlives its page. */

const SVG = "http://www.w3.org/2000/svg";

/** Return a new HTML element with attributes (`class`, `text` and event handlers `onclick` too). */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return a new SVG element, as `element` does. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Return the element of that id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Set an element's text only if it is another, in the text node it has: this runs on every frame. */
export function setText(node, text) {
  const held = node.firstChild;
  if (held?.nodeType === Node.TEXT_NODE && !held.nextSibling) {
    if (held.data !== text) held.data = text;
  } else if (held || text) node.textContent = text;
}

/** Set or remove a class. */
export function setClass(node, name, on) {
  if (node.classList.contains(name) !== on) node.classList.toggle(name, on);
}

/** Set an attribute only if it is another. */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Return a `<select>`; `options` are [value, label] or {label, options}. */
export function select(attributes, options, value) {
  const node = element("select", attributes);
  for (const option of options) {
    node.append(
      Array.isArray(option)
        ? new Option(option[1], option[0])
        : element("optgroup", { label: option.label }, ...option.options.map(([v, t]) => new Option(t, v))),
    );
  }
  node.value = value;
  return node;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}
