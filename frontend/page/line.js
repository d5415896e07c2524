// One line of the receipt, and what is behind its reference.

import { amount, duration, make } from "./elements.js";

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** A line of a purchase, with its state: `element`, and `stamp(ms)` for when it is seen in the store. */
export function line(purchase) {
  const state = make("span", { class: "stamp" });
  const element = make(
    "li",
    {},
    make("span", { class: "item", dir: "auto" }, purchase.item ?? "Something"),
    make("span", { class: "amount" }, amount(purchase.price)),
    make("span", { class: "when" }, when(purchase.timestamp)),
    state,
    details(purchase),
  );
  const show = (name, ...words) => {
    if (element.dataset.state === name) return;
    element.dataset.state = name;
    state.replaceChildren(...words);
  };
  return {
    element,
    accepted: () => show("accepted", "accepted"),
    stored: (ms) => (ms === undefined ? show("stored", "stored") : show("stamped", "stored", make("span", {}, ` · ${duration(ms)}`))),
  };
}

function when(timestamp) {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return make("time", {}, timestamp);
  return make("time", { datetime: timestamp, title: exact.format(at) }, time.format(at));
}

// Most lines are never asked for theirs.
function details(purchase) {
  const facts = make("dl");
  const more = make("details", {}, make("summary", {}, `Ref. ${purchase.id.slice(-8)}`), facts);
  more.addEventListener("toggle", () => {
    if (facts.childElementCount > 0) return;
    const known = { "Event ID": purchase.id, "Bought by": purchase.username, "User ID": purchase.userid, "Exact time": purchase.timestamp, "Exact price": String(purchase.price) };
    for (const [name, value] of Object.entries(known)) facts.append(make("dt", {}, name), make("dd", { dir: "auto" }, value));
  });
  return more;
}
