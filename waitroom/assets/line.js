// The fan's place, alive: the page is changed in place from one small document that is the same for everybody.

import { announce, reload, root, say, within } from "./page.js";
import { asksPlace, nextLook as lookOf } from "./poll.js";
import * as wait from "./wait.js";
import { tellTurn } from "./alerts.js";

let data;
let mine;
let joined;
let ahead;
/** The end of the wait that was told last, and until when its being later is explained, in seconds since 1970 by this
 *  device's clock, which may be wrong. */
let told;
let explained = 0;
let before;

/** Takes over from what the page says of its place. */
export function begin() {
  data = root.dataset;
  mine = { lane: Number(data.lane), offset: Number(data.offset) };
  joined = Number(data.joined);
  // A page that worked its place out by itself has not said yet how many are ahead.
  ahead = data.ahead ? Number(data.ahead) : Infinity;
  told = data.toldSecs ? Date.now() / 1000 + Number(data.toldSecs) : null;
  before = { phase: data.phase, say: data.say, sale: data.saleTitle };
}

/** In the reader's own zone, without seconds: they would promise what nobody knows. */
const time = (secs) => new Date(secs * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

function clockWords(found, now) {
  const ends = found && wait.clock(found, now);
  if (!ends) return "";
  return ends.from === ends.to
    ? `You will be in at about ${time(ends.to)}, your time.`
    : `You will be in between ${time(ends.from)} and ${time(ends.to)}, your time.`;
}

/** Whether the wait ends later than it was said to; said for a minute. */
function laterWords(found, reasons, now) {
  if (!found) return "";
  const to = now + found.high;
  if (told && wait.isLater(told, to, now)) explained = now + 60;
  told = to;
  return now < explained ? wait.laterWords(reasons) : "";
}

function draw(waiting) {
  const svg = root.querySelector(".line svg");
  if (!svg) return;
  const [gate, start] = [Number(svg.dataset.gate), Number(svg.dataset.start)];
  const x = gate + (start - gate) * Math.sqrt(Math.min(1, ahead / Math.max(joined, ahead, 1)));
  const at = `${x.toFixed(1)}%`;
  svg.querySelector(".you").setAttribute("cx", at);
  svg.querySelector(".you-label").setAttribute("x", at);
  svg.querySelector(".passed").setAttribute("x1", at);
  for (const person of svg.querySelectorAll(".person:not(.behind)")) {
    person.classList.toggle("gone", parseFloat(person.getAttribute("cx")) >= x - 0.05);
  }
  const all = Math.max(waiting, ahead + 1);
  const rounded = all >= 1000 ? Math.max(Math.round(all / 100) * 100, ahead + 1) : all;
  svg.setAttribute("aria-label", `place ${wait.number(ahead + 1)} of about ${wait.number(rounded)}`);
}

function made(tag, name, ...parts) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...parts);
  return element;
}

/** What is left of each type, and the chance of some. */
function showTypes(sale) {
  const rows = root.querySelector("[data-types]");
  const said = sale.types.map((of) => [of.name, wait.leftWords(of), wait.chanceWords(wait.percent(of.odds, ahead))]);
  const key = JSON.stringify(said);
  if (rows.dataset.said === key) return;
  rows.dataset.said = key;
  rows.replaceChildren(
    ...said.map(([name, left, chance]) => {
      const words = made("span", "", made("strong", "", name), made("br"), made("span", "quiet", left));
      return made("li", "offer", words, made("span", "", `Your chance: ${chance}`));
    }),
  );
}

function showSale(sale) {
  const part = root.querySelector("[data-sale]");
  part.hidden = !sale;
  if (!sale) return "";
  const title = wait.saleTitle(sale, ahead);
  const poor = wait.isGone(sale) || wait.hasAlmostNone(sale, ahead);
  part.classList.toggle("card-key", poor);
  root.querySelector("[data-stay]").hidden = !poor;
  say("sale-title", title);
  say("sale", wait.saleWords(sale, ahead));
  showTypes(sale);
  return poor || sale.state === "few_left" ? `${title}.` : "";
}

/** Takes in a head document. */
export function showWaiting(head) {
  const own = head.lanes.find((lane) => lane.lane === mine.lane);
  if (own && own.head > mine.offset) return reload(700, Math.max(300, tellTurn(data.title)));
  // The number of people ahead never rises, whatever a cache on the way may say.
  ahead = Math.min(ahead, wait.countAhead(mine, head.lanes));
  joined = Math.max(joined, ahead);
  const now = Date.now() / 1000;
  const found = wait.range(head.wait, ahead);
  const gone = head.sale && wait.isGone(head.sale);
  const reasons = head.held_by ?? [];
  const sentence = gone ? "" : wait.sentence(head.wait, ahead);
  const people = wait.aheadWords(ahead);
  say("place", wait.number(ahead + 1));
  say("ahead", people);
  say("wait", sentence);
  say("clock", clockWords(found, now));
  say("held", laterWords(found, reasons, now) || (found ? wait.heldWords(reasons) : ""));
  if (joined > ahead) say("passed", wait.passedWords(joined - ahead));
  say("message", head.message);
  say("news", `${new Date(head.as_of).toLocaleTimeString("en-GB")}, your time`);
  const sale = showSale(head.sale);
  draw(head.waiting);
  document.title = `${ahead > 0 ? `${wait.number(ahead)} ahead` : "You are next"} · ${data.title}`;
  const after = { phase: head.phase, say: head.wait.say, sale };
  const turned = Object.keys(after).some((name) => after[name] !== before[name]);
  before = after;
  announce([sale, people, sentence].filter(Boolean).join(" "), turned);
}

/** How long to wait until the next look, in ms. */
export const nextLook = (head) => lookOf(head, ahead);

let askedAt = performance.now();

/** Asks near the turn whether the place is still there: it may have been left on another device. */
export async function askPlace() {
  if (!asksPlace(ahead, performance.now() - askedAt)) return;
  askedAt = performance.now();
  try {
    const answer = await fetch(data.ask, { signal: within(5000) });
    // What is cached on the way may be older than what the place itself says.
    if (answer.ok && (await answer.json()).state !== "waiting") reload(700);
  } catch {
    // The next time will do.
  }
}
