// The list of one user's purchases: what the server listed, and above that what it accepted and has not listed yet.

import { list, listWith, older, Refusal } from "./api.js";
import { quote } from "./quote.js";

// A purchase is normally stored within a second; each ask waits ten. After that the person decides, by Reload.
const ASKS_MAX = 6;
const PAUSE_MS = 1_000;

const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 6 });
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** `elements`: rows, scroll, status, more, reload. Returns `show(userid)` and `accept(purchase)`. */
export function purchaseList({ rows, scroll, status, more, reload }) {
  let userid = "";
  let stored = [];
  let accepted = new Map();
  let next = null;
  // Ends every request of the list that is no longer shown.
  let current = new AbortController();

  function show(user) {
    if (user !== userid) accepted = new Map();
    userid = user;
    restart();
    stored = [];
    next = null;
    render();
    if (userid) read("Loading…", (signal) => list(userid, signal), merge);
    else say("Enter a user ID to see its purchases.");
  }

  function accept(purchase) {
    if (purchase.userid !== userid) show(purchase.userid);
    accepted.set(purchase.id, purchase);
    render();
    follow(purchase.id, current.signal);
  }

  async function follow(id, signal) {
    for (let ask = 0; ask < ASKS_MAX && accepted.has(id) && !signal.aborted; ask += 1) {
      try {
        const page = await listWith(userid, id, signal);
        if (signal.aborted) return;
        // Beyond the newest fifty it is stored and yet not in this page.
        if (page.contains && !page.purchases.some((purchase) => purchase.id === id)) page.purchases.push(accepted.get(id));
        merge(page);
      } catch (failure) {
        if (!(failure instanceof Refusal)) return;
      }
      if (accepted.has(id)) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    if (accepted.has(id) && !signal.aborted) say("Accepted and safe, but not in the list yet. Reload in a while.");
  }

  async function read(progress, ask, then) {
    const { signal } = current;
    say(progress);
    more.setAttribute("aria-disabled", "true");
    try {
      const page = await ask(signal);
      if (!signal.aborted) then(page);
    } catch (failure) {
      if (failure instanceof Refusal && !signal.aborted) say(`The list cannot be shown. ${failure.message}`);
      else if (!signal.aborted) throw failure;
    } finally {
      if (!signal.aborted) more.removeAttribute("aria-disabled");
    }
  }

  // A newest page. Purchases are never removed, so a union is right in whatever order answers arrive, but only when the
  // page reaches down to what is shown: otherwise there would be a hole.
  function merge(page) {
    const ids = new Set(page.purchases.map((purchase) => purchase.id));
    const meets = page.next === null || stored.some((purchase) => ids.has(purchase.id));
    const deeper = meets && page.next !== null && stored.length > 0 && !ids.has(stored.at(-1).id);
    if (!deeper) next = page.next;
    stored = union(meets ? stored : [], page.purchases);
    render();
  }

  function extend(page) {
    next = page.next;
    stored = union(stored, page.purchases);
    render();
  }

  function render() {
    for (const { id } of stored) accepted.delete(id);
    const shown = [
      ...newestFirst([...accepted.values()]).map((purchase) => row(purchase, "accepted")),
      ...stored.map((purchase) => row(purchase, "stored")),
    ];
    rows.replaceChildren(...shown);
    scroll.hidden = shown.length === 0;
    more.hidden = next === null;
    reload.hidden = userid === "";
    if (shown.length === 0) say(userid ? "Nothing bought yet." : "");
    else say(`${shown.length} ${shown.length === 1 ? "purchase" : "purchases"} of `, quote(userid), `${next ? ", and there are more" : ""}.`);
  }

  function say(...parts) {
    const text = parts.map((part) => part.textContent ?? part).join("");
    // Setting the same text again would make a screen reader repeat it.
    if (status.textContent !== text) status.replaceChildren(...parts);
  }

  function restart() {
    current.abort();
    current = new AbortController();
    more.removeAttribute("aria-disabled");
  }

  more.addEventListener("click", () => {
    if (next === null || more.getAttribute("aria-disabled") === "true") return;
    const from = next;
    read("Loading more…", (signal) => older(from, signal), (page) => next === from && extend(page));
  });
  reload.addEventListener("click", () => {
    const waiting = [...accepted.keys()];
    show(userid);
    for (const id of waiting) follow(id, current.signal);
  });

  return { show, accept };
}

function row(purchase, state) {
  const line = document.createElement("tr");
  const at = new Date(purchase.timestamp);
  const stamp = document.createElement("time");
  stamp.dateTime = purchase.timestamp;
  stamp.textContent = Number.isNaN(at.getTime()) ? purchase.timestamp : time.format(at);
  line.append(
    cell(purchase.item ?? "—"),
    cell(money.format(purchase.price), "number"),
    cell(stamp, "time"),
    cell(state, state),
    cell(purchase.id, "id"),
  );
  return line;
}

function cell(content, className = "") {
  const data = document.createElement("td");
  data.className = className;
  // A string becomes a text node: nothing of a purchase is ever read as markup.
  data.append(content);
  return data;
}

const union = (some, others) => newestFirst([...new Map([...some, ...others].map((purchase) => [purchase.id, purchase])).values()]);

// Timestamps have one fixed shape, so their order as text is their order in time; the server breaks ties by id as well.
const newestFirst = (purchases) => purchases.sort((a, b) => compare(b.timestamp, a.timestamp) || compare(b.id, a.id));

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
