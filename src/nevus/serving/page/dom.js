// Elements from plain values. Text only ever becomes text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; `given` holds properties, and attributes where a name has a dash or is a role. */
export function make(tag, given = {}, ...inside) {
  return fill(document.createElement(tag), given, inside);
}

/** Return an SVG element with attributes. */
export function draw(tag, given = {}, ...inside) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

/** Return a button that does something. */
export function button(text, act, given = {}) {
  const element = make("button", { type: "button", ...given }, text);
  element.addEventListener("click", act);
  return element;
}

/** Return the element of an id of the page. */
export function get(id) {
  return document.getElementById(id);
}

function fill(element, given, inside) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "scope") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...inside.flat().filter((one) => one !== null && one !== undefined));
  return element;
}
