// What part of time is shown: `{last}`, an ISO 8601 duration up to now, or `{from, to}` in milliseconds since 1970.

export const HOME = { last: "PT8H" };
export const LASTS = [
  ["PT1H", "1 h"], ["PT8H", "8 h"], ["P1D", "24 h"], ["P7D", "7 d"], ["P30D", "30 d"], ["P365D", "1 y"],
];

const SECOND = 1_000;
const WIDEST = 100 * 365 * 86_400 * SECOND;
const EARLIEST = Date.parse("1900-01-01T00:00:00Z");
const STEPS = [
  ["PT1S", 1], ["PT5S", 5], ["PT15S", 15], ["PT1M", 60], ["PT2M", 120], ["PT5M", 300], ["PT15M", 900], ["PT30M", 1_800],
  ["PT1H", 3_600], ["PT3H", 10_800], ["PT6H", 21_600], ["PT12H", 43_200], ["P1D", 86_400], ["P7D", 604_800],
];

/** Milliseconds of a duration of weeks, days, hours, minutes and seconds; NaN for anything else. */
export function milliseconds(duration) {
  const parts = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(duration ?? "");
  if (!parts) return NaN;
  const [weeks, days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * SECOND || NaN;
}

/** What an address names; `HOME` where it names nothing that makes sense. */
export function readSpan(parameters) {
  const [from, to] = [Date.parse(parameters.get("from")), Date.parse(parameters.get("to"))];
  if (from >= EARLIEST && to > from) return { from, to };
  const last = parameters.get("last");
  return milliseconds(last) <= WIDEST ? { last } : HOME;
}

/** The same in the words of an address, and of GraphQL's Range. */
export function written(span) {
  if (span.last) return { last: span.last };
  return { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString() };
}

/** `[from, to]` in milliseconds. */
export function edges(span, now) {
  return span.last ? [now - milliseconds(span.last), now] : [span.from, span.to];
}

/** Whether readings may still arrive in it. */
export const isLive = (span, now) => Boolean(span.last) || span.to > now;

/** A range `factor` times as wide around the time `at`; without `at` one that ends at now goes on ending there. */
export function zoomed(span, factor, now, at) {
  const [from, to] = edges(span, now);
  const width = Math.min(WIDEST, Math.max(SECOND, (to - from) * factor));
  if (span.last && at === undefined) return lasting(width);
  const around = at ?? (from + to) / 2;
  return between(around - (around - from) * (width / (to - from)), width, now);
}

/** The range moved by a share of its width; one that arrives at now stays with it. */
export function moved(span, share, now) {
  const [from, to] = edges(span, now);
  const start = from + (to - from) * share;
  return share > 0 && start + (to - from) >= now ? lasting(to - from) : between(start, to - from, now);
}

/** The narrowest step of which so many fit. */
export function stepFor([from, to], most) {
  const [name] = STEPS.find(([, seconds]) => (to - from) / (seconds * SECOND) <= most) ?? STEPS.at(-1);
  return name;
}

/** Seconds to wait before a live range is asked for again: what is wide moves slowly. */
export function patience([from, to]) {
  const hours = (to - from) / 3_600_000;
  return hours <= 8 ? 5 : hours <= 48 ? 15 : 60;
}

const lasting = (width) => ({ last: `PT${Math.max(1, Math.round(width / SECOND))}S` });

function between(start, width, now) {
  const from = Math.round(Math.max(EARLIEST, Math.min(start, now - width)));
  return { from, to: Math.round(from + width) };
}
