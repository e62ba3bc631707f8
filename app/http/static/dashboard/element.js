// Elements of the page. Names come from whoever writes readings, so text is only ever set as text.

/** A new element: `data-`, `aria-` and other attributes as they are named, `text` as its text, `on` as listeners. */
export function element(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) made.addEventListener(name, listener);
  made.append(...children.filter((child) => child != null));
  return made;
}

/** The same things with text between them. */
export const parted = (between, things) => things.flatMap((thing, place) => (place === 0 ? [thing] : [between, thing]));

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);
