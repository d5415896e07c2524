// The two public routes. Knows HTTP and nothing of the page. Paths are relative, so the page works behind any prefix.

// Longer than the gateway's own deadline: its answer says more than our giving up.
const DEADLINE_MS = 75_000;
const PAGE_SIZE = 50;
// More than these in one request are refused.
export const IDS_MAX = 100;

/** A request that did not do what was asked; `fields` maps a field's name to its message. */
export class Refusal extends Error {
  constructor(message, { status = 0, fields = new Map(), recorded = "unknown" } = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
    this.recorded = recorded;
  }
}

/** One key per intent: whoever repeats a request with its key never buys twice. */
export function freshKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Browsers offer randomUUID only to https and localhost; getRandomValues works everywhere.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Resolves to `{purchase, tookMs, parts}`: the purchase as recorded, the time until the answer as seen from here, and what buy
 * says of its parts, a Map from their names to milliseconds. Rejects with a Refusal.
 */
export async function buy(order, key) {
  const sent = performance.now();
  const response = await send("buy", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` },
    body: JSON.stringify(order),
  });
  const tookMs = performance.now() - sent;
  if (response.status !== 201) throw await refusal(response);
  const purchase = (await json(response))?.purchase;
  if (typeof purchase?.id !== "string") throw new Refusal("The answer is not a purchase.", { status: response.status });
  return { purchase, tookMs, parts: timings(response.headers.get("Server-Timing")) };
}

/** The newest purchases of a user: `{purchases, next}`, `next` being the address of the older ones or null. */
export const list = (userid, signal) => page(`${address(userid)}?limit=${PAGE_SIZE}`, { signal });

export const older = (next, signal) => page(next, { signal });

/** As `list`, but the answer waits up to ten seconds until all these purchases, at most `IDS_MAX`, are listed: `{purchases, next, contains}`. */
export function listWith(userid, ids, signal) {
  const contains = ids.map((id) => `contains=${encodeURIComponent(id)}`);
  return page(`${address(userid)}?${contains.join("&")}&limit=${PAGE_SIZE}`, { headers: { Prefer: "wait=10" }, signal });
}

/** All purchases of a user in sums: `{count, total, byItem, byDay}`. */
export async function summary(userid, signal) {
  const response = await send(`${address(userid)}?summary=true`, { signal });
  if (response.status !== 200) throw await refusal(response);
  return json(response);
}

/** All purchases of a user as a table for spreadsheets; rejects if it is not whole. */
export async function table(userid) {
  const response = await send(address(userid), { headers: { Accept: "text/csv" } });
  if (response.status !== 200) throw await refusal(response);
  return body(response, "blob");
}

async function page(url, options) {
  const response = await send(url, options);
  if (response.status !== 200) throw await refusal(response);
  const purchases = await json(response);
  if (!Array.isArray(purchases)) throw new Refusal("The answer is not a list of purchases.", { status: response.status });
  return {
    purchases,
    next: nextPage(response.headers.get("Link"), response.url),
    contains: response.headers.get("Contains")?.trim() === "true",
  };
}

function address(userid) {
  // A browser resolves these in any address; nobody can buy as either.
  if (userid === "." || userid === "..") throw new Refusal("A user ID cannot be . or ..; choose another.", { status: 400 });
  try {
    return `getAllUserBuys/${encodeURIComponent(userid)}`;
  } catch {
    throw new Refusal("This user ID has characters that cannot be sent.", { status: 400 });
  }
}

async function send(url, options) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const signal = options.signal && AbortSignal.any ? AbortSignal.any([options.signal, deadline]) : (options.signal ?? deadline);
  try {
    return await fetch(url, { ...options, signal, credentials: "same-origin" });
  } catch {
    throw new Refusal("The connection broke before an answer arrived.");
  }
}

const json = (response) => body(response, "json");

async function body(response, kind) {
  try {
    return await response[kind]();
  } catch {
    throw new Refusal("The answer broke off or could not be read.", { status: response.status });
  }
}

async function refusal(response) {
  const problem = await response.json().catch(() => null);
  const fields = new Map();
  if (Array.isArray(problem?.errors)) {
    for (const { field, message } of problem.errors) fields.set(String(field), String(message));
  }
  return new Refusal(problem?.error ?? problem?.title ?? `The server answered ${response.status}.`, {
    status: response.status,
    fields,
    // A refusal by the client's fault recorded nothing; whatever else says nothing of it may have recorded it.
    recorded: problem?.recorded ?? (response.status >= 400 && response.status < 500 ? "no" : "unknown"),
  });
}

/** The target of rel="next" in a Link header (RFC 8288), resolved against the address that was asked. */
export function nextPage(link, base) {
  for (const [, target, parameters] of (link ?? "").matchAll(/<([^>]*)>((?:\s*;[^,<]*)*)/g)) {
    if (/;\s*rel\s*=\s*"?(?:[^";]*\s)?next(?:\s[^";]*)?"?\s*(?:;|$)/i.test(parameters)) return new URL(target, base).href;
  }
  return null;
}

/** Durations of a Server-Timing header, by name. */
function timings(header) {
  const parts = (header ?? "").matchAll(/([^\s,;]+)\s*;\s*dur=([\d.]+)/g);
  return new Map(Array.from(parts, ([, name, ms]) => [name, Number(ms)]));
}
