// The way of one purchase: lamps that are lit by what this browser knows, and by nothing else.

import { duration, say } from "./elements.js";

/** `stops`: the list of lamps, from the browser to the store; `words`: the same as a sentence. */
export function purchasePath(stops, words) {
  const lamps = Array.from(stops.children, (lamp) => ({ lamp, note: lamp.querySelector(".stop-note") }));
  // Of which purchase, so that an earlier one does not light its lamps.
  let shown = null;

  /** How far it is: the first `lit` lamps are on, the next ones up to `waiting` blink; with what is known of each. */
  function light(lit, waiting, notes, sentence) {
    for (const [at, { lamp, note }] of lamps.entries()) {
      lamp.dataset.state = at < lit ? "on" : at < waiting ? "waiting" : "off";
      note.textContent = notes[at] ?? "";
    }
    say(words, sentence);
  }

  return {
    sending() {
      shown = null;
      light(1, 3, [], "Sent. The function may need a moment to wake up.");
    },

    accepted({ purchase, tookMs, parts }) {
      shown = { id: purchase.id, tookMs, parts };
      light(3, 5, notes(), `Accepted after ${duration(tookMs)}: it is safe in the log, and on its way into the store.`);
    },

    stored(id, ms) {
      if (shown?.id !== id) return;
      const seen = ms === null ? "it was in the store already." : `seen in the store ${duration(ms)} later.`;
      light(5, 5, [...notes(), "delivered", ms === null ? "" : duration(ms)], `Accepted after ${duration(shown.tookMs)}, and ${seen}`);
    },

    unanswered() {
      shown = null;
      light(1, 1, [], "No answer came: how far it got is unknown.");
    },

    /** Of another user, or of none. */
    clear() {
      shown = null;
      light(0, 0, [], "");
    },

    refused() {
      shown = null;
      light(0, 0, [], "Refused before it reached the log: nothing was recorded.");
    },
  };

  function notes() {
    const part = (name) => (shown.parts.has(name) ? duration(shown.parts.get(name)) : "");
    return [duration(shown.tookMs), part("read"), part("log")];
  }
}
