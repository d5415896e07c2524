// A random item and price, for people who do not know what they want.

const KINDS = ["Brass", "Crooked", "Foldable", "Glow-in-the-dark", "Inflatable", "Left-handed", "Pocket", "Second-hand", "Singing", "Velvet"];
const THINGS = ["accordion", "bird feeder", "compass", "garden gnome", "kettle", "lighthouse lamp", "picnic basket", "rubber duck", "telescope", "umbrella"];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

export const surprise = () => ({
  item: `${pick(KINDS)} ${pick(THINGS)}`,
  // Whole hundredths, so that the text is exactly what is bought.
  price: ((50 + Math.floor(Math.random() * 9950)) / 100).toFixed(2),
});
