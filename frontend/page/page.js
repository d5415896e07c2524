// Puts the page together: who buys, what, and what became of it.

import { buy, Refusal, table } from "./api.js";
import { amount, make, quote, say } from "./elements.js";
import { glance } from "./glance.js";
import { intentOf, leaveOpen, openIntents, settle } from "./intents.js";
import { purchaseList } from "./list.js";
import { browser } from "./memory.js";
import { purchasePath } from "./path.js";
import { receipt } from "./receipt.js";
import { surprise } from "./surprise.js";

const FIELDS = ["username", "userid", "item", "price"];
const element = (id) => document.getElementById(id);
const form = element("buy");
const fields = Object.fromEntries(FIELDS.map((name) => [name, element(name)]));

const path = purchasePath(element("path"), element("path-words"));
const paper = receipt(element, { extend: () => purchases.extend(), again: () => purchases.again() });
const sums = glance(
  {
    totals: { count: element("count"), average: element("average"), total: element("total") },
    note: element("sums"),
    section: element("glance"),
    days: element("days"),
    items: element("items"),
    highest: element("highest"),
  },
  paper.summed,
);
const purchases = purchaseList({
  changed: (now) => {
    paper.show(now);
    if (now.state === "refused") markUser(now.problem);
  },
  grown: () => sums.refresh(),
  appeared: path.stored,
});

// While there is no answer, nothing else is bought: presses that come then are those of impatience.
let inFlight = null;

async function submit(order) {
  if (inFlight !== null) {
    if (JSON.stringify(inFlight.order) !== JSON.stringify(order)) say(element("status"), "Still buying. Press again when there is an answer.");
    return;
  }
  const intent = intentOf(order);
  inFlight = intent;
  form.setAttribute("aria-busy", "true");
  clearFailure();
  showOpen();
  say(element("status"), "Buying…");
  path.sending();
  try {
    const bought = await buy(intent.order, intent.key);
    settle(intent);
    const { purchase } = bought;
    say(element("status"), "Bought: ", purchase.item === undefined ? "something" : quote(purchase.item), ".");
    for (const name of ["item", "price"]) if (fields[name].value.trim() === (order[name] ?? "")) fields[name].value = "";
    // Whoever has changed the user meanwhile looks at another list.
    if (fields.userid.value.trim() === order.userid) choose(purchase.userid);
    if (chosen === purchase.userid) path.accepted(bought);
    else path.clear();
    purchases.accept(purchase);
  } catch (failure) {
    say(element("status"), "");
    if (!(failure instanceof Refusal)) throw failure;
    refuse(intent, failure);
  } finally {
    inFlight = null;
    form.removeAttribute("aria-busy");
    showOpen();
  }
}

function refuse(intent, failure) {
  const repeatable = failure.status < 400 || failure.status === 408 || failure.status === 429 || failure.status >= 500;
  if (repeatable) {
    const recorded = failure.recorded === "no";
    leaveOpen(intent, `${failure.message} ${recorded ? "Nothing was recorded." : "It is not known whether it was recorded: a retry repeats this purchase and never buys twice."}`);
    if (recorded) path.refused();
    else path.unanswered();
    return;
  }
  settle(intent);
  path.refused();
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
  const lines = [marked ? "Not bought: see the marked fields." : `Not bought. ${failure.message}`, ...rest];
  element("failure").replaceChildren(...lines.map((line) => make("p", {}, line)));
  FIELDS.map((name) => fields[name]).find((field) => field.getAttribute("aria-invalid"))?.focus();
}

function clearFailure() {
  element("failure").replaceChildren();
  for (const name of FIELDS) {
    fields[name].removeAttribute("aria-invalid");
    element(`${name}-error`).textContent = "";
  }
}

/** Purchases that were sent and not answered, each with a way out. */
function showOpen() {
  const open = openIntents().filter((intent) => intent !== inFlight);
  const entries = open.map((intent) => {
    const { item, price, userid } = intent.order;
    const retry = make("button", { type: "button" }, "Retry the same purchase");
    retry.addEventListener("click", () => {
      submit(intent.order);
      form.querySelector("[type=submit]").focus();
    });
    const forget = make("button", { type: "button", class: "quiet" }, "Dismiss");
    forget.addEventListener("click", () => {
      settle(intent);
      showOpen();
      form.querySelector("[type=submit]").focus();
    });
    return make(
      "li",
      {},
      make("p", {}, "Not finished: ", item === undefined ? "something" : quote(item), " for ", quote(price), ...(userid === chosen ? [] : [", bought by ", quote(userid)]), "."),
      make("p", {}, intent.reason ?? "The page was left before the answer arrived. A retry repeats this purchase and never buys twice."),
      make("p", { class: "actions" }, retry, forget),
    );
  });
  element("open").replaceChildren(...entries);
  element("open").hidden = entries.length === 0;
}

let chosen = null;

function markUser(problem) {
  if (problem) fields.userid.setAttribute("aria-invalid", "true");
  else fields.userid.removeAttribute("aria-invalid");
  element("userid-error").textContent = problem;
}

/** Shows the list of a user and puts the user into the address, so that it can be kept and shared. */
function choose(userid) {
  if (userid === chosen) return;
  chosen = userid;
  markUser("");
  const address = new URL(location.href);
  if (userid) address.searchParams.set("user", userid);
  else address.searchParams.delete("user");
  history.replaceState(null, "", address);
  sums.show(userid);
  purchases.show(userid);
}

function remember() {
  for (const name of ["username", "userid"]) browser.keep(name, fields[name].value.trim());
}

/** For a first visitor: nobody else has it, and it can be read out. */
const freshUser = () => `guest-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => "23456789abcdefghjkmnpqrstuvwxyz"[byte % 31]).join("")}`;

/** Whether it is known who buys; if not, the browser says which field is missing. */
function known() {
  const missing = [fields.username, fields.userid].find((field) => !field.checkValidity());
  missing?.reportValidity();
  return missing === undefined;
}

const orderOf = (item, price) => {
  const order = { username: fields.username.value.trim(), userid: fields.userid.value.trim(), price };
  return item === "" ? order : { ...order, item };
};

for (const key of form.querySelectorAll(".key")) {
  const { item, price } = key.dataset;
  key.querySelector(".key-price").textContent = amount(price);
  key.addEventListener("click", () => {
    if (!known()) return;
    remember();
    submit(orderOf(item, price));
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  remember();
  submit(orderOf(fields.item.value.trim(), fields.price.value.trim()));
});
element("surprise").addEventListener("click", () => {
  const { item, price } = surprise();
  fields.item.value = item;
  fields.price.value = price;
});
fields.username.addEventListener("change", remember);
fields.userid.addEventListener("change", () => {
  remember();
  say(element("status"), "");
  path.clear();
  choose(fields.userid.value.trim());
});
element("print").addEventListener("click", () => print());
element("csv").addEventListener("click", async () => {
  const user = chosen;
  try {
    const address = URL.createObjectURL(await table(user));
    make("a", { href: address, download: `purchases-${user}.csv` }).click();
    // The download has begun by then; the browser keeps what it needs of it.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    if (user === chosen) paper.problem(`The table cannot be saved. ${failure.message}`);
  }
});

const offline = () => (element("offline").hidden = navigator.onLine);
addEventListener("online", offline);
addEventListener("offline", offline);
offline();

const left = openIntents().at(-1)?.order ?? {};
fields.username.value = left.username ?? browser.recall("username") ?? "";
fields.item.value = left.item ?? "";
fields.price.value = left.price ?? "";
fields.userid.value = new URLSearchParams(location.search).get("user")?.trim() || (browser.recall("userid") ?? freshUser());
choose(fields.userid.value);
showOpen();
