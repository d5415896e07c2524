// One line of the receipt, and what is behind its reference.

import { breakable, duration, make } from "./elements.js";

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** A line of a purchase, with its state: `element`, and `stamp(ms)` for when it is seen in the store. */
export function line(purchase) {
  const state = make("span", { class: "stamp" });
  const element = make(
    "li",
    {},
    make("p", { class: "what" }, make("span", { class: "item", dir: "auto" }, purchase.item ?? "Something"), make("span", { class: "amount" }, ...breakable(purchase.price))),
    when(purchase.timestamp),
    state,
    reference(purchase),
  );
  const show = (name, ...words) => {
    if (element.dataset.state === name) return;
    element.dataset.state = name;
    state.replaceChildren(...words);
  };
  return {
    element,
    timestamp: purchase.timestamp,
    accepted: () => show("accepted", "accepted"),
    stored: (ms) => (ms === undefined ? show("stored", "stored") : show("stamped", "stored", make("span", {}, ` · ${duration(ms)}`))),
  };
}

function when(timestamp) {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return make("time", { class: "when" }, timestamp);
  return make("time", { class: "when", datetime: timestamp, title: exact.format(at) }, time.format(at));
}

// What is behind it is made when somebody asks: there may be thousands of lines, and few are asked for theirs.
function reference(purchase) {
  const button = make("button", { type: "button", class: "ref", "aria-expanded": "false" }, `Ref. ${purchase.id.slice(-8)}`);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) button.nextElementSibling.remove();
    else button.after(facts(purchase));
  });
  return button;
}

function facts(purchase) {
  const known = { "Event ID": purchase.id, "Bought by": purchase.username, "User ID": purchase.userid, "Exact time": purchase.timestamp, "Exact price": String(purchase.price) };
  return make("dl", { class: "facts" }, ...Object.entries(known).flatMap(([name, value]) => [make("dt", {}, name), make("dd", { dir: "auto" }, value)]));
}
