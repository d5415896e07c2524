// The receipt: what is printed on it, in which order, and what it says of itself.

import { count, make, purchases as counted, quote, say } from "./elements.js";
import { line } from "./line.js";

const ORDERS = {
  newest: null,
  oldest: (a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0),
  dearest: (a, b) => b.price - a.price,
  cheapest: (a, b) => a.price - b.price,
};
// Longer lists of items are no help to choose from.
const CHOICES_MAX = 200;
// So many lines come by scrolling; more of them only for who asks, so that nobody's browser is filled by accident.
const SCROLLED_MAX = 500;
// With fewer lines there is nothing to look for.
const TOOLS_FROM = 5;
const EVERYTHING = "everything";

/** `element` finds one by its id; `extend` and `again` are what its buttons ask for. */
export function receipt(element, { extend, again }) {
  const [lines, more, status, sifted, tools] = ["lines", "more", "list-status", "sifted", "tools"].map(element);
  const [search, only, order] = ["search", "only", "order"].map(element);
  let known = { userid: "", listed: false, stored: [], accepted: [], waited: new Map(), more: false, state: "ready", problem: null };
  let printed = new Map();
  let total = null;

  function show(now) {
    if (now.userid !== known.userid) {
      printed = new Map();
      search.value = "";
      only.value = EVERYTHING;
    }
    known = now;
    render();
  }

  /** What the sums say: how many there are on the whole list, and of which items. */
  function summed(all, byItem) {
    total = all;
    const names = byItem.slice(0, CHOICES_MAX).map(({ item }) => item ?? "");
    const before = only.value;
    only.replaceChildren(make("option", { value: EVERYTHING }, "Everything"), ...names.map((name) => make("option", { value: `=${name}` }, name || "Something")));
    only.value = names.includes(before.slice(1)) ? before : EVERYTHING;
    render();
  }

  function render() {
    const { stored, accepted, waited } = known;
    const all = [...accepted, ...stored];
    const shown = sift(all);
    const wanted = shown.map((purchase) => {
      // The answer to a repeated request has another time than the purchase that stands.
      const before = printed.get(purchase.id);
      const entry = before?.timestamp === purchase.timestamp ? before : line(purchase);
      printed.set(purchase.id, entry);
      return entry.element;
    });
    for (const { id } of accepted) printed.get(id)?.accepted();
    for (const { id } of stored) printed.get(id)?.stored(waited.get(id));
    arrange(wanted);
    tools.hidden = all.length < TOOLS_FROM && all.length === shown.length;
    sifted.hidden = all.length === shown.length;
    say(sifted, `${count(shown.length)} of ${count(all.length)} loaded purchases.${known.more ? " Load more to look further back." : ""} The sums count every purchase.`);
    more.hidden = !known.more;
    element("csv").hidden = element("print").hidden = all.length === 0;
    sayWhat(all.length);
  }

  function sift(all) {
    const words = search.value.trim().toLowerCase();
    const item = only.value === EVERYTHING || only.value === "" ? null : only.value.slice(1);
    const found = all.filter((purchase) => (item === null || (purchase.item ?? "") === item) && (words === "" || (purchase.item ?? "").toLowerCase().includes(words)));
    const compare = ORDERS[order.value];
    return compare ? found.sort(compare) : found;
  }

  // Moves only what is in another place: a line that somebody has opened, or is about to press, stays where it is.
  function arrange(wanted) {
    const keep = new Set(wanted);
    for (const old of [...lines.children]) if (!keep.has(old)) old.remove();
    let at = lines.firstElementChild;
    for (const entry of wanted) {
      if (entry === at) at = at.nextElementSibling;
      else lines.insertBefore(entry, at);
    }
  }

  function sayWhat(shown) {
    const { userid, listed, accepted, state, problem } = known;
    const whole = total !== null && known.more ? `Newest ${count(known.stored.length)} of ${counted(Math.max(total, known.stored.length))}` : counted(shown);
    const waiting = accepted.length > 0 ? `${listed && accepted.length === shown ? "All" : count(accepted.length)} accepted: safe in the log, and on the way into the store.` : "";
    element("again").hidden = state !== "failed";
    lines.setAttribute("aria-busy", String(state === "loading" || state === "slow"));
    status.dataset.state = state;
    if (!userid) say(status, "Enter a user ID to see its purchases.");
    else if (state === "failed" || state === "refused") say(status, `The list cannot be shown. ${problem}`);
    else if (state === "asking") say(status, "The list cannot be read right now; trying again. ", waiting || "Nothing is lost.");
    else if (state === "slow") say(status, "Still waiting for the list: the function may need a moment to wake up. ", waiting);
    else if (!listed) say(status, "Loading the list… ", waiting);
    else if (shown === 0) say(status, "Nothing bought yet. Your first purchase will be printed here.");
    else say(status, `${whole} of `, quote(userid), waiting ? make("br") : "", waiting);
  }

  search.addEventListener("input", render);
  for (const choice of [only, order]) choice.addEventListener("change", render);
  more.addEventListener("click", extend);
  element("again").addEventListener("click", again);
  // A person who scrolls down wants more; the button is for those who do not scroll.
  const scrolled = (seen) => seen.some(({ isIntersecting }) => isIntersecting) && known.stored.length < SCROLLED_MAX && extend();
  new IntersectionObserver(scrolled, { rootMargin: "300px" }).observe(more);

  return { show, summed, problem: (text) => say(status, text) };
}
