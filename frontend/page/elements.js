// Makes elements. Whatever comes in as text becomes text: nothing that a person wrote is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a child is an element or a text. */
export const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** The same for drawings. */
export const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * A person's own words inside a sentence of the page. In whatever direction they are written, and whatever they say of
 * directions, nothing around them turns.
 */
export const quote = (text) => make("bdi", TURNING.test(text) ? { class: "sealed" } : {}, text);

const TURNING = /[\u202a-\u202e\u2066-\u2069]/;

/** Replaces what an element says, unless it says that already: screen readers would repeat it. */
export function say(element, ...parts) {
  const text = parts.map((part) => part.textContent ?? part).join("");
  if (element.textContent !== text) element.replaceChildren(...parts);
}

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 6 });
const whole = new Intl.NumberFormat();

/** An amount in the reader's notation. Prices have no currency. */
export const amount = (number) => money.format(number);

/** The same, to be broken between groups of digits where it is long. */
export const breakable = (number) => money.formatToParts(number).flatMap(({ type, value }) => (type === "group" ? [value, make("wbr")] : [value]));

export const count = (number) => whole.format(number);

/** `1 purchase`, `2 purchases`. */
export const purchases = (number) => `${count(number)} ${number === 1 ? "purchase" : "purchases"}`;

/** A time that somebody waited, in the unit that is read most easily. */
export function duration(ms) {
  if (ms < 0.1) return "< 0.1 ms";
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
