// The form: one intent at a time, its key kept until the purchase is recorded.

import { buy, freshKey, Refusal } from "./api.js";
import { purchaseList } from "./list.js";
import { quote } from "./quote.js";
import { surprise } from "./surprise.js";

const FIELDS = ["username", "userid", "item", "price"];
const element = (id) => document.getElementById(id);
const form = element("buy");
const fields = Object.fromEntries(FIELDS.map((name) => [name, element(name)]));
const purchases = purchaseList({
  rows: element("rows"),
  scroll: element("scroll"),
  status: element("list-status"),
  more: element("more"),
  reload: element("reload"),
});

// The last intent that is not known to be recorded: {order, key}. It outlives a reload of the page, so that pressing Buy
// again after a failure repeats the same purchase instead of making a second one.
let intent = recall(sessionStorage, "intent");
if (typeof intent?.key !== "string" || typeof intent.order !== "object") intent = null;
let inFlight = false;

function readForm() {
  const order = Object.fromEntries(FIELDS.map((name) => [name, fields[name].value.trim()]));
  if (order.item === "") delete order.item;
  return order;
}

async function submit(order) {
  if (inFlight) return;
  inFlight = true;
  const button = form.querySelector("[type=submit]");
  button.setAttribute("aria-disabled", "true");
  clearFailure();
  element("status").textContent = "Buying…";
  if (JSON.stringify(intent?.order) !== JSON.stringify(order)) intent = { order, key: freshKey() };
  keep(sessionStorage, "intent", intent);
  try {
    const purchase = await buy(intent.order, intent.key);
    settle();
    element("status").replaceChildren("Bought: ", purchase.item === undefined ? "a purchase" : quote(purchase.item), ".");
    for (const name of ["item", "price"]) if (fields[name].value.trim() === (order[name] ?? "")) fields[name].value = "";
    choose(purchase.userid);
    purchases.accept(purchase);
  } catch (failure) {
    element("status").textContent = "";
    if (!(failure instanceof Refusal)) throw failure;
    showFailure(failure);
  } finally {
    inFlight = false;
    button.removeAttribute("aria-disabled");
  }
}

/** `reason`: texts and elements, if the failure has no words of its own for it. */
function showFailure(failure, reason = [failure.message]) {
  const rest = [];
  for (const [name, message] of failure.fields) {
    if (!(name in fields)) {
      rest.push(`${name}: ${message}`);
      continue;
    }
    fields[name].setAttribute("aria-invalid", "true");
    element(`${name}-error`).textContent = message;
  }
  const marked = failure.fields.size > rest.length;
  const lines = [marked ? "Not bought: see the marked fields." : reason, ...rest];
  const repeatable = failure.status === 0 || failure.status === 201 || failure.status === 408 || failure.status === 429 || failure.status >= 500;
  if (!repeatable) settle();
  else if (failure.recorded === "no") lines.push("Nothing was recorded. You can retry.");
  else lines.push("It is not known whether the purchase was recorded. Retry is safe: it repeats the same purchase and never buys twice.");
  element("failure").replaceChildren(...lines.map((parts) => paragraph([parts].flat())));
  element("retry").hidden = !repeatable;
  FIELDS.map((name) => fields[name]).find((field) => field.getAttribute("aria-invalid"))?.focus();
}

function clearFailure() {
  element("failure").replaceChildren();
  element("retry").hidden = true;
  for (const name of FIELDS) {
    fields[name].removeAttribute("aria-invalid");
    element(`${name}-error`).textContent = "";
  }
}

function settle() {
  intent = null;
  keep(sessionStorage, "intent", null);
}

function paragraph(parts) {
  const line = document.createElement("p");
  line.append(...parts);
  return line;
}

let chosen = null;

/** Shows the list of a user and puts the user into the address, so that it can be kept and shared. */
function choose(userid) {
  if (userid === chosen) return;
  chosen = userid;
  const address = new URL(location.href);
  if (userid) address.searchParams.set("user", userid);
  else address.searchParams.delete("user");
  history.replaceState(null, "", address);
  purchases.show(userid);
}

function remember() {
  for (const name of ["username", "userid"]) keep(localStorage, name, fields[name].value.trim());
}

// A browser may refuse its storage (private windows, policies): the page then works without a memory.
function recall(storage, name) {
  try {
    return JSON.parse(storage.getItem(`user-buy-list.${name}`));
  } catch {
    return null;
  }
}

function keep(storage, name, value) {
  try {
    if (value === null) storage.removeItem(`user-buy-list.${name}`);
    else storage.setItem(`user-buy-list.${name}`, JSON.stringify(value));
  } catch {
    // Nothing to do: see recall.
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  remember();
  submit(readForm());
});
element("retry").addEventListener("click", () => intent && submit(intent.order));
element("surprise").addEventListener("click", () => {
  const { item, price } = surprise();
  fields.item.value = item;
  fields.price.value = price;
});
fields.username.addEventListener("change", remember);
fields.userid.addEventListener("change", () => {
  remember();
  choose(fields.userid.value.trim());
});

element("surprise").hidden = false;
for (const name of ["username", "item", "price"]) fields[name].value = intent?.order[name] ?? recall(localStorage, name) ?? "";
fields.userid.value = new URLSearchParams(location.search).get("user")?.trim() || (recall(localStorage, "userid") ?? "");
choose(fields.userid.value);
if (intent) {
  const { item } = intent.order;
  showFailure(new Refusal(), ["The purchase of ", item === undefined ? "an item" : quote(item), " was not confirmed before the page was left."]);
}
