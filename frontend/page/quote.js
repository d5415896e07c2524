// A person's own words inside a sentence of the page.

/** An element with `text`. In whatever direction it is written, and whatever it says of directions, nothing around it turns. */
export function quote(text) {
  const words = document.createElement("bdi");
  words.textContent = text;
  return words;
}
