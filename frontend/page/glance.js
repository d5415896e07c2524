// What somebody spent, in sums and as two charts. The store adds up; nothing is added here, so that no cent is rounded away.

import { summary, Refusal } from "./api.js";
import { amount, breakable, count, draw, make, say } from "./elements.js";

const DAYS = 14;
const DAY_MS = 86_400_000;
const ITEMS = 5;
// Sums of a moment ago are good enough while one purchase after the other arrives.
const PAUSE_MS = 300;
// Until a store that does not answer is asked again.
const AGAIN_MS = 3_000;

const weekday = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

/** `totals`: count, average, total, with a `note`; `section`, `days` with `highest`, `items`: the charts. `told(count, items)` is called with what is known. */
export function glance({ totals, note, section, days, items, highest }, told) {
  let userid = "";
  let current = new AbortController();
  let planned = 0;

  /** Whose sums they are from now on. */
  function show(user) {
    userid = user;
    current.abort();
    clearTimeout(planned);
    planned = 0;
    write(null);
  }

  /** Something is in the store that may not have been there before. */
  function refresh(pause = PAUSE_MS) {
    if (planned === 0) planned = setTimeout(read, pause);
  }

  async function read() {
    planned = 0;
    current.abort();
    current = new AbortController();
    const { signal } = current;
    try {
      const sums = await summary(userid, signal);
      if (!signal.aborted) write(sums);
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof Refusal)) throw failure;
      // The charts stand; sums that are older than the list beside them would be wrong. Whoever waits for the list is told why.
      for (const sum of Object.values(totals)) sum.textContent = "–";
      if (failure.status === 400) return;
      say(note, "The sums cannot be read right now; trying again.");
      refresh(AGAIN_MS);
    }
  }

  function write(sums) {
    const known = sums !== null && sums.count > 0;
    totals.count.textContent = sums === null ? "–" : count(sums.count);
    totals.total.replaceChildren(...(sums === null ? ["–"] : breakable(sums.total)));
    say(note, "");
    totals.average.textContent = known ? amount(Math.round((sums.total / sums.count) * 100) / 100) : "–";
    section.hidden = !known;
    if (known) {
      const chart = byDay(sums.byDay);
      highest.textContent = `highest day ${amount(chart.highest)}`;
      days.replaceChildren(...chart.parts);
      items.replaceChildren(byItem(sums.byItem, sums.total));
    }
    told(sums === null ? null : sums.count, known ? sums.byItem : []);
  }

  return { show, refresh };
}

// A bar for each of the last days, also for those without a purchase; and the same as a table for who cannot see it.
function byDay(sums) {
  const totals = new Map(sums.map(({ day, total }) => [day, total]));
  const last = Date.parse(sums.at(-1).day);
  const shown = Array.from({ length: DAYS }, (_, back) => new Date(last - (DAYS - 1 - back) * DAY_MS).toISOString().slice(0, 10));
  const highest = Math.max(...shown.map((day) => totals.get(day) ?? 0));
  const bars = shown.map((day, at) => {
    const height = ((totals.get(day) ?? 0) / highest) * 100;
    // A day with a purchase, however small, is not a day without one.
    const seen = height > 0 ? Math.max(height, 2) : 0;
    return draw("rect", { x: at * 10 + 1, y: 100 - seen, width: 8, height: seen });
  });
  const name = (day) => weekday.format(new Date(day));
  const parts = [
    draw("svg", { class: "days", viewBox: `0 0 ${DAYS * 10} 100`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
    make("p", { class: "scale", "aria-hidden": "true" }, make("span", {}, name(shown[0])), make("span", {}, name(shown.at(-1)))),
    grid("hidden", ["Day", "Spent"], shown.filter((day) => totals.has(day)).map((day) => [name(day), amount(totals.get(day))])),
  ];
  return { highest, parts };
}

// A table whose middle column is drawn.
function byItem(sums, all) {
  const rows = sums.slice(0, ITEMS).map(({ item, count: times, total }) => {
    const bar = draw("rect", { width: Math.max((total / all) * 100, 1), height: 10 });
    return [
      make("span", { class: "item", dir: "auto" }, item ?? "Something"),
      draw("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, bar),
      count(times),
      make("span", {}, ...breakable(total)),
    ];
  });
  const rest = sums.length - rows.length;
  const items = grid("items", ["Item", "Share", "Times", "Spent"], rows);
  if (rest > 0) items.prepend(make("caption", { class: "hint" }, `and ${count(rest)} more ${rest === 1 ? "item" : "items"}`));
  return items;
}

function grid(name, heads, rows) {
  const row = (tag, attributes, cells) => make("tr", {}, ...cells.map((cell) => make(tag, attributes, cell)));
  return make("table", { class: name }, make("thead", {}, row("th", { scope: "col" }, heads)), make("tbody", {}, ...rows.map((cells) => row("td", {}, cells))));
}
