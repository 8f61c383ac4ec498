// How often a page looks where the line stands, how a crowd's looks are spread, and when a page asks for its own place as
// well. Pure: the rules are those of poll.rs, and poll_cases.json is the table that both sides pass.

import { range } from "./wait.js";

/** In how many seconds it may be one's turn at the earliest; a line whose pace nobody knows may be fast when it goes on. */
export function secsAhead(head, ahead) {
  const pace = Math.max(head.pace_per_sec ?? 0, head.rate_per_sec);
  return range(head.wait, ahead)?.low ?? Math.max(0, ahead) / (pace > 0 ? pace : 100);
}

/** After how many ms to look again, on average: later, the further back one stands, where that loses nothing. */
export function nextLook(head, ahead) {
  const [sale, pace, secs] = [head.sale, head.pace_per_sec || head.rate_per_sec, secsAhead(head, ahead)];
  let next = Math.min(secs * 50, 60000, head.claim_window_secs * 250);
  if (sale?.state === "few_left" || sale?.state === "all_held") next = 0;
  if (sale?.state === "available" && pace > 0) {
    const perFan = sale.types.reduce((sum, of) => sum + of.odds.mean, 0) || 1;
    next = Math.min(next, ((sale.tickets_left / (pace * perFan)) * 1000) / 3);
  }
  return Math.round(Math.max(1000, Math.min(Math.max(next, head.poll_after_ms), secs * 500)));
}

/** The same before the opening, which is `leftMs` away, unless somebody opens it now. */
export const lookBeforeOpening = (pollAfterMs, leftMs, windowSecs) =>
  Math.max(pollAfterMs, Math.min(30000, Math.floor(leftMs / 10), windowSecs * 250));

/** A look that is due after `ms`, moved by one's own `share` from 0 to 1. */
export const spread = (ms, share) => Math.round(ms * (0.8 + 0.4 * share));

/** Whether a page that asked for its place `sinceMs` ago asks now. The head says all but whether the place was left on another
 *  device, which counts for the next ones only; and what they ask is little, however long the line is. */
export const asksPlace = (ahead, sinceMs) => ahead < 20 && sinceMs >= 10000;
