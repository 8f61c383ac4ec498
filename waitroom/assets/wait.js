// How a wait, a chance and the reasons for them are told. Pure: the rules are those of wait.rs, chance.rs and told.rs, and
// wait_cases.json is the table that both sides pass.

export const number = (n) => Math.round(n).toLocaleString("en");

/** How many stand before the place `mine` ({ lane, offset }), lanes being filled in turn. */
export const countAhead = (mine, lanes) =>
  lanes.reduce((sum, lane) => sum + Math.max(0, mine.offset + (lane.lane < mine.lane ? 1 : 0) - lane.head), 0);

// --- how long it takes

/** { low, high } in seconds behind `ahead` people, out of the head document's `wait`; null where there is none to tell. */
export function range(curve, ahead) {
  const behind = Math.max(0, ahead);
  for (let i = 1; i < curve.points.length; i += 1) {
    const [from, to] = [curve.points[i - 1], curve.points[i]];
    if (from.ahead > behind || behind > to.ahead) continue;
    const share = (behind - from.ahead) / Math.max(1, to.ahead - from.ahead);
    const between = (low, high) => low + (high - low) * share;
    return { low: Math.floor(between(from.low_secs, to.low_secs)), high: Math.ceil(between(from.high_secs, to.high_secs)) };
  }
  return null;
}

const halves = (n) => (Math.floor(n / 2) || "") + (n % 2 ? "½" : "");
const about = (from, to, unit) => (from === to ? `about ${from} ${unit}` : `about ${from} to ${to} ${unit}`);

/** `less than a minute`, `about 12 to 18 minutes`, `about 2 to 3½ hours`. */
export function words({ low, high }) {
  if (high < 45) return "less than a minute";
  const steps = (secs) => [Math.max(1, Math.floor(low / secs)), Math.max(1, Math.ceil(high / secs))];
  if (high >= 7200) {
    const [from, to] = steps(1800);
    return about(halves(from), halves(to), to > 2 ? "hours" : "hour");
  }
  const step = high > 1200 ? 5 : 1;
  const [from, to] = steps(step * 60).map((n) => n * step);
  return about(String(from), String(to), to > 1 ? "minutes" : "minute");
}

const SENTENCES = {
  not_open: "Nobody is let in yet. Your place is safe.",
  paused: "The line is paused. Your place is safe.",
  closed: "The line has closed.",
  door_shut: "Checkout is not letting anyone in right now. Your place is safe, and no turn runs out meanwhile.",
  all_held: "No ticket is free right now. Whenever one comes back, the next in line is let in.",
  sold_out: "All tickets are sold. You may stay: if one comes back, the next in line is let in.",
  stale: "We cannot reach the line right now. Your place is safe.",
};

/** What is said of the wait behind `ahead` people: the range's words, or why there is none. */
export function sentence(curve, ahead) {
  const found = range(curve, ahead);
  if (found) return `That is ${words(found)}.`;
  return SENTENCES[curve.say] ?? "We cannot say right now how long that takes.";
}

/** From when to when the wait is likely to end, in seconds since 1970, in round minutes; null where a time of the day would
 *  say nothing: within a minute, or half a day off. */
export function clock({ low, high }, now) {
  if (high < 60 || high > 43200) return null;
  const step = high >= 7200 ? 900 : high > 1200 ? 300 : 60;
  return { from: Math.floor((now + low) / step) * step, to: Math.ceil((now + high) / step) * step };
}

/** Whether a wait that ends at `to` is told to somebody who was told that it ends at `before`, and by how much more than
 *  rounding. Whoever is told a later time is told why. */
export const isLater = (before, to, now) => to - before > Math.max(60, 0.1 * (to - now));

// --- the chance that a ticket is left

const normal = (z) => 1 / (1 + Math.exp(-(1.5976 * z + 0.07056 * z ** 3)));

/** The chance, in per cent from 1 to 99, that one ticket of a type is left behind `ahead` people. */
export function percent({ tickets, inside, mean, variance }, ahead) {
  const people = Math.max(0, ahead) + inside;
  const taken = people * mean;
  const spread = Math.max(0.2, Math.sqrt(people * variance + (0.15 * taken) ** 2));
  return Math.min(99, Math.max(1, Math.round(normal((tickets - 0.5 - taken) / spread) * 100)));
}

/** Below this many per cent there is almost no chance. */
const ALMOST_NONE = 5;
const LIKELY = [
  [90, "very likely"],
  [65, "likely"],
  [40, "about even"],
  [15, "unlikely"],
  [ALMOST_NONE, "very unlikely"],
];

/** `likely, about 70 %` */
export function chanceWords(chance) {
  if (chance < ALMOST_NONE) return "almost none, under 5 %";
  const [, name] = LIKELY.find(([least]) => chance >= least);
  return chance > 95 ? `${name}, over 95 %` : `${name}, about ${Math.round(chance / 5) * 5} %`;
}

/** `1,204 left`, `sold out`, or `all held`: what is left of one type. */
export const leftWords = ({ state, tickets_left }) =>
  state === "sold_out" ? "sold out" : state === "all_held" ? "all held" : `${number(tickets_left)} left`;

/** Whether that chance is so little that one should know early. */
export const isAlmostNone = (odds, ahead) => percent(odds, ahead) < ALMOST_NONE;

/** Whether tickets are there, and almost none of them for whoever has so many ahead. */
export const hasAlmostNone = (sale, ahead) =>
  !isGone(sale) && sale.types.length > 0 && sale.types.every((of) => isAlmostNone(of.odds, ahead));

/** Whether no ticket is free. */
export const isGone = (sale) => sale.state === "sold_out" || sale.state === "all_held";

// --- sentences

/** How far off the opening is, as people say it; to the second in the last ten minutes. */
export function untilWords(secs) {
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(secs / unit));
  const of = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`;
  if (days >= 2) return of(days, "day");
  if (hours >= 1) return of(hours, "hour") + (minutes % 60 ? ` and ${of(minutes % 60, "minute")}` : "");
  if (minutes >= 10) return of(minutes, "minute");
  return `${minutes}:${String(secs % 60).padStart(2, "0")}`;
}

const people = (n, of) => (n === 1 ? `One person ${of(true)}` : `${number(n)} people ${of(false)}`);
const tickets = (n) => (n === 1 ? "one ticket is" : `${number(n)} tickets are`);

export const aheadWords = (n) => (n <= 0 ? "You are next." : people(n, (one) => `${one ? "is" : "are"} ahead of you.`));
export const passedWords = (n) =>
  n <= 0
    ? "The line moves from right to left, toward the gate."
    : people(n, (one) => `${one ? "has" : "have"} gone in since you joined.`);
export const peopleWords = (n) =>
  n <= 0 ? "Nobody is waiting right now." : people(n, (one) => `${one ? "is" : "are"} waiting.`);

/** What is left, in one sentence, with whoever stands before one. */
export function saleWords(sale, ahead) {
  const held = sale.tickets_held;
  if (sale.state === "sold_out") return "If one is returned, the next in line is let in.";
  if (sale.state === "all_held") {
    return `${held === 1 ? "One is" : `${number(held)} are`} held or not paid yet and may come back; then the next in line is let in.`;
  }
  const left = tickets(sale.tickets_left);
  if (ahead <= 0) return `${left[0].toUpperCase()}${left.slice(1)} left.`;
  return `${people(ahead, (one) => (one ? "is" : "are"))} ahead of you, and ${left} left.`;
}

/** The heading over it. */
export function saleTitle(sale, ahead) {
  if (sale.state === "sold_out") return "All tickets are sold";
  if (sale.state === "all_held") return "Every ticket is taken right now";
  if (hasAlmostNone(sale, ahead)) return "There may be none left at your turn";
  return sale.state === "few_left" ? "Few tickets are left" : "Tickets left";
}

const BUSY = "Checkout is busy, so the line moves more slowly right now.";
const HELD = {
  checkout_away: SENTENCES.door_shut,
  door_shut: SENTENCES.door_shut,
  checkout_full: "Checkout is full. The next fan goes in as soon as somebody comes out.",
  passes_unclaimed: "The line waits a moment for fans whose turn has come and who are not inside yet.",
  orders_slow: BUSY,
  writer_behind: BUSY,
  checkout_slow: BUSY,
  checkout_fails: BUSY,
  stock_low: "Few tickets are left, so fans go in only as fast as tickets come free.",
  lanes_unknown: "We cannot reach a part of the line right now. No place is lost.",
};

/** Why the line moves no faster, as fans read it; empty where nothing but the line itself holds it back. */
export const heldWords = (reasons) => HELD[reasons.map((held) => held.reason).find((reason) => HELD[reason])] ?? "";

/** Why a wait is longer than it was said to be. */
export const laterWords = (reasons) =>
  `That is later than we said before. ${heldWords(reasons) || "The line moves more slowly than it did."}`;
