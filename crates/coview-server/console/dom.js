// What the parts of the page share: finding and making elements, and speaking to screen readers.
//
// Text of others goes into the page by `textContent` only, and stands in `bdi`, so that neither
// markup nor the direction of its script reaches what is around it.

export const find = (id) => document.getElementById(id);

/** Makes an element. Properties are set, `data`, `aria` and `on` are maps; children are elements
 * or text, and what is `null` is left out. */
export function make(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, on = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  for (const [name, what] of Object.entries(on)) element.addEventListener(name, what);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Text of a stranger's. */
export const foreign = (text) => make("bdi", { dir: "auto", textContent: text });

/** Text of a stranger's for within a sentence: the direction of its script ends where it does. */
export const isolate = (text) => `\u2068${text}\u2069`;

/** An icon of the page's symbols. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Writes only what is another text: an unchanged one keeps selections and is not read again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Tells a screen reader; `assertive` interrupts what it is reading. */
export function announce(text, assertive = false) {
  const region = find(assertive ? "assertive" : "polite");
  // The same words again are read again only if something changes.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

let toastTimer = null;

/** Shows a line for some seconds, and announces it. */
export function toast(text) {
  const element = find("toast");
  element.textContent = text;
  element.hidden = false;
  announce(text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    element.hidden = true;
  }, 6000);
}
