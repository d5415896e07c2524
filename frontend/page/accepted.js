// Purchases that were accepted and have not been seen in the list yet. The browser keeps them, so that a reload and every other tab
// know of them too. Each has an entry of its own: two tabs never overwrite each other's.

import { browser } from "./memory.js";

const ENTRY = "accepted.";
// What is not listed by then was removed from the store, or the page has moved to another one.
const KEPT_MAX_MS = 30 * 24 * 3_600_000;

/** Those of a user: a Map from the id to `{purchase, at}`, `at` being when the answer arrived, in milliseconds. */
export function acceptedOf(userid) {
  const found = new Map();
  for (const name of browser.names(ENTRY)) {
    const entry = browser.recall(name);
    if (typeof entry?.purchase?.id !== "string" || !(Date.now() - entry.at < KEPT_MAX_MS)) browser.keep(name, null);
    else if (entry.purchase.userid === userid) found.set(entry.purchase.id, entry);
  }
  return found;
}

export const keepAccepted = (entry) => browser.keep(ENTRY + entry.purchase.id, entry);

export const forgetAccepted = (id) => browser.keep(ENTRY + id, null);

/** Calls `then` when another tab had a purchase accepted. */
export function onAcceptedElsewhere(then) {
  addEventListener("storage", ({ key, newValue }) => {
    if (newValue !== null && key?.includes(ENTRY)) then();
  });
}
