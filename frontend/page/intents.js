// Intents to buy that have no answer yet, each with the key under which it may be sent again and again. They outlive a reload: whoever
// presses a second time repeats the purchase and never makes another one.

import { freshKey } from "./api.js";
import { tab } from "./memory.js";

const NAME = "intents";

/** Each is `{order, key, reason}`; the reason is what is known of why there is no answer, as text. */
let intents = (tab.recall(NAME) ?? []).filter((intent) => typeof intent?.key === "string" && typeof intent.order === "object");

/** The open intent to buy exactly this, or a new one. */
export function intentOf(order) {
  const same = JSON.stringify(order);
  const known = intents.find((intent) => JSON.stringify(intent.order) === same);
  if (known) return known;
  const intent = { order, key: freshKey(), reason: null };
  keep([...intents, intent]);
  return intent;
}

export const openIntents = () => intents;

export function leaveOpen(intent, reason) {
  intent.reason = reason;
  keep(intents);
}

/** There was an answer, or the person wants it no more. */
export const settle = (intent) => keep(intents.filter((other) => other !== intent));

function keep(next) {
  intents = next;
  tab.keep(NAME, next.length > 0 ? next : null);
}
