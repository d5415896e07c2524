// The list of one user's purchases: what the server listed, and what it accepted and has not listed yet.

import { acceptedOf, forgetAccepted, keepAccepted, onAcceptedElsewhere } from "./accepted.js";
import { IDS_MAX, list, listWith, older, Refusal } from "./api.js";

// Between two questions when an answer did not help: a function or a store that is away is asked less and less often.
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 10_000;
// How long an answer may take until the person is told why.
const SLOW_MS = 2_500;
// Anything else may be gone the next time, whoever on the way says it.
const QUESTION_IS_WRONG = [400, 414, 431];

/**
 * `view` gets what is known whenever that changes: `changed({userid, listed, stored, accepted, more, state})`, `listed` if there is a list at all, `stored` and `accepted` newest
 * first, `state` being loading, slow, asking (again, by itself), failed, refused or ready, with `problem` if there is one;
 * `appeared(id, ms)` for a purchase that was waited for, null if it is not known how long; `grown()` when the list may have more on it than before. Returns `show(userid)`, `accept(purchase)`, `extend()` and `again()`.
 */
export function purchaseList(view) {
  let userid = "";
  let stored = [];
  let accepted = new Map();
  // Milliseconds from the answer of buy until the purchase was seen in the list, by id.
  const waited = new Map();
  let next = null;
  let state = "ready";
  let problem = null;
  let listed = false;
  let following = false;
  let extending = false;
  // Ends every request of the list that is no longer shown.
  let current = new AbortController();

  function show(user) {
    current.abort();
    current = new AbortController();
    userid = user;
    stored = [];
    accepted = user ? acceptedOf(user) : new Map();
    next = null;
    listed = false;
    following = false;
    extending = false;
    if (user) follow();
    else become("ready");
  }

  function accept(purchase) {
    // A repeated one may be on the list already.
    if (purchase.userid === userid && stored.some(({ id }) => id === purchase.id)) return view.appeared(purchase.id, null);
    const entry = { purchase, at: Date.now() };
    keepAccepted(entry);
    // Of somebody else: their list finds it when it is shown.
    if (purchase.userid !== userid) return;
    accepted.set(purchase.id, { ...entry, isOurs: true });
    become(state, problem);
    follow();
  }

  // Until there is a list and everything that was accepted is on it. One question asks for all of them, and its answer waits for them.
  async function follow() {
    if (following) return;
    following = true;
    const { signal } = current;
    let pause = PAUSE_MIN_MS;
    while (!signal.aborted && (!listed || accepted.size > 0)) {
      const helped = await ask(signal);
      if (signal.aborted) return;
      if (helped) {
        pause = PAUSE_MIN_MS;
        continue;
      }
      await sleep(pause, signal);
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
    }
    if (!signal.aborted) following = false;
  }

  // Whether there is something new.
  async function ask(signal) {
    if (!listed) become(problem === null ? "loading" : "asking", problem);
    const slow = setTimeout(() => !listed && !signal.aborted && become("slow", problem), SLOW_MS);
    const ids = [...accepted.keys()].slice(0, IDS_MAX);
    try {
      // The first list is there at once; what it does not have is waited for afterwards.
      const page = ids.length > 0 && listed ? await listWith(userid, ids, signal) : await list(userid, signal);
      if (signal.aborted) return false;
      const before = stored.length;
      const first = !listed;
      listed = true;
      // Beyond the newest ones it is stored and yet not in this page.
      if (page.contains) page.purchases.push(...ids.map((id) => accepted.get(id)?.purchase).filter(Boolean));
      merge(page);
      return first || stored.length > before;
    } catch (failure) {
      if (!(failure instanceof Refusal)) {
        if (signal.aborted) return false;
        throw failure;
      }
      // What is wrong with the question stays wrong.
      const hopeless = QUESTION_IS_WRONG.includes(failure.status);
      if (!signal.aborted) become(hopeless ? "refused" : "asking", failure.message);
      return hopeless && wait(signal);
    } finally {
      clearTimeout(slow);
    }
  }

  // A newest page. Purchases are never removed, so a union is right in whatever order answers arrive, but only when the
  // page reaches down to what is shown: otherwise there would be a hole.
  function merge(page) {
    const ids = new Set(page.purchases.map(({ id }) => id));
    const meets = page.next === null || stored.some(({ id }) => ids.has(id));
    const deeper = meets && page.next !== null && stored.length > 0 && !ids.has(stored.at(-1).id);
    if (!deeper) next = page.next;
    stored = union(meets ? stored : [], page.purchases);
    for (const { id } of stored) {
      if (!accepted.has(id)) continue;
      const { at, isOurs } = accepted.get(id);
      // Of a purchase that was accepted elsewhere, or before a reload, nobody watched when it came.
      if (isOurs) waited.set(id, Math.max(Date.now() - at, 0));
      accepted.delete(id);
      forgetAccepted(id);
      view.appeared(id, waited.get(id) ?? null);
    }
    view.grown();
    become("ready");
  }

  /** Older ones, if there are any and nobody asks for them yet. */
  async function extend() {
    if (next === null || extending) return;
    const { signal } = current;
    const from = next;
    extending = true;
    become("loading");
    try {
      const page = await older(from, signal);
      if (signal.aborted) return;
      // Unless a newest page has begun the list anew meanwhile.
      if (next === from) {
        next = page.next;
        stored = union(stored, page.purchases);
      }
      become("ready");
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof Refusal)) throw failure;
      become("failed", failure.message);
    } finally {
      if (!signal.aborted) extending = false;
    }
  }

  function become(nextState, why = null) {
    state = nextState;
    problem = why;
    const shown = newestFirst([...accepted.values()].map(({ purchase }) => purchase));
    view.changed({ userid, listed, stored, accepted: shown, waited, more: next !== null, state, problem });
  }

  onAcceptedElsewhere(() => {
    if (!userid) return;
    const known = new Set(stored.map(({ id }) => id));
    for (const [id, entry] of acceptedOf(userid)) if (!known.has(id)) accepted.set(id, entry);
    become(state, problem);
    follow();
  });

  return { show, accept, extend, again: () => show(userid) };
}

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Until somebody starts again. */
const wait = (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(false), { once: true }));

const union = (some, others) => newestFirst([...new Map([...some, ...others].map((purchase) => [purchase.id, purchase])).values()]);

// Timestamps have one fixed shape, so their order as text is their order in time; the server breaks ties by id as well.
const newestFirst = (purchases) => purchases.sort((a, b) => compare(b.timestamp, a.timestamp) || compare(b.id, a.id));

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
