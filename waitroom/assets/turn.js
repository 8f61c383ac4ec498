// One's turn: how long it lasts, told as text first. The server may move the end later, never earlier: while checkout takes
// nobody in, the time stands still.

import { announce, between, reload, root, say, send, value, within } from "./page.js";

const data = root?.dataset ?? {};
let deadline;
let total;
/** The end that was told, in ms since 1970 by the server's clock. */
let until = Date.parse(value("until")?.dateTime);
let open = data.door === "open";
let failures = 0;

function show() {
  const left = Math.max(0, deadline - performance.now());
  const secs = Math.ceil(left / 1000);
  say("left", `${Math.floor(secs / 60)}:${String(secs % 60).padStart(2, "0")}`);
  root.querySelector(".ring-left").setAttribute("stroke-dashoffset", String(100 - (left / total) * 100));
  root.querySelector("[data-countdown]").classList.toggle("late", secs <= 20);
  return left;
}

/** Takes in what the server says of the turn. */
function follow(turn) {
  if (turn.state !== "your_turn") return reload(700);
  const [left, ends] = [performance.now() + turn.left_ms, Date.parse(turn.claim_until)];
  // Answers take their way, and this device's clock stands still while it sleeps: the end is moved where it differs by more
  // than a little. One before the end that was told is of an instance that has not heard yet.
  if (!(ends < until) && Math.abs(left - deadline) > 1500) {
    deadline = left;
    total = Math.max(total, turn.left_ms);
    until = ends;
    const words = value("until");
    words.dateTime = turn.claim_until;
    words.textContent = `${new Date(turn.claim_until).toLocaleTimeString("en-GB")}, your time`;
  }
  if (turn.door_open !== open) {
    open = turn.door_open;
    root.querySelector("[data-shut]").hidden = open;
    for (const part of root.querySelectorAll("[data-open], [data-countdown]")) part.hidden = !open;
    announce(open ? "Checkout lets people in again. Your time runs." : root.querySelector("[data-shut]").textContent, true);
    open ? enterOnce() : stayOut();
  }
}

async function ask() {
  try {
    const answer = await fetch(data.ask, { signal: within(5000) });
    if (!answer.ok) throw answer.status;
    follow(await answer.json());
    failures = 0;
  } catch {
    failures += 1;
  }
}

async function look() {
  await ask();
  setTimeout(look, between(0.8, 1.2) * 3000 * Math.min(4, 1 + failures));
}

async function tick() {
  const left = show();
  if (left > 0 || !open) return setTimeout(tick, 250 + (left % 250));
  // It may have been made longer since we last heard; only the server ends a turn.
  await ask();
  if (failures > 0) return setTimeout(tick, 2000);
  if (show() > 0) return tick();
  reload(1000, 1000);
  setTimeout(tick, 5000);
}

const ENTERED = `fairgate:entered:${data.place}`;

/** While nobody can go in, the page says that it goes in when one can. */
function stayOut() {
  try {
    sessionStorage.removeItem(ENTERED);
  } catch {
    // Without storage it never goes in by itself.
  }
}

/** Goes in by itself, but once only: whoever comes back with the browser's button decides for themselves. */
function enterOnce() {
  const form = root.querySelector("[data-enter]");
  if (!form || !open) return; // Without cookies it would lead nowhere.
  try {
    if (sessionStorage.getItem(ENTERED)) return;
    sessionStorage.setItem(ENTERED, "1");
  } catch {
    return; // Without storage we cannot know, and the button is there.
  }
  value("going").hidden = false;
  announce("It is your turn. Taking you to checkout.", true);
  setTimeout(() => send(form), 1200);
}

export function showTurn() {
  deadline = performance.now() + Number(data.leftMs);
  total = Math.max(1, Number(data.leftMs));
  root.querySelector("[data-countdown]").hidden = !open;
  if (!open) stayOut();
  tick();
  setTimeout(look, between(1500, 3000));
  enterOnce();
}
