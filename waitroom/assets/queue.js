// The queue page, alive. It asks where the line stands (one small document, the same for everybody) and changes the page in
// place; where this file, or one that it imports, does not come to life, guard.js reloads the page.

import { announce, between, isLeaving, reload, root, say, within } from "./page.js";
import { number, peopleWords, range, untilWords, words } from "./wait.js";
import { askPlace, nextLook, showWaiting } from "./line.js";
import { offerAlerts } from "./alerts.js";
import { showTurn } from "./turn.js";

const data = root?.dataset ?? {};
const JOINABLE = ["pre_queue", "drawing", "open", "paused"];

// --- before joining

function showEntrance(head) {
  const before = data.phase;
  if (head.phase !== before) return reload(JOINABLE.includes(before) === JOINABLE.includes(head.phase) ? 3000 : 1500);
  if (String(head.straight_in) !== (data.straightIn ?? String(head.straight_in))) return reload(1500);
  // A page's line ends are all the same.
  if (head.message.replace(/\r\n?/g, "\n") !== data.message) return reload(3000);
  say("draw-people", head.waiting > 1 ? `${number(head.waiting)} people are in the draw` : "You are the only one so far");
  say("people", peopleWords(head.waiting));
  const found = range(head.wait, head.waiting);
  say("entrance-wait", found ? `Whoever joins now waits ${words(found)}.` : "We cannot say right now how long the wait is.");
}

/** Counts down to the opening. */
function showOpening() {
  const opens = performance.now() + Number(data.opensMs);
  const tick = () => {
    const left = Math.ceil((opens - performance.now()) / 1000);
    say("opens-in", left > 0 ? `That is in ${untilWords(left)}.` : "It opens any moment now.");
    if (left > 0) setTimeout(tick, left > 600 ? 5000 : 250);
    else poll();
  };
  tick();
}

// --- asking

let timer;
let clock;
try {
  clock = new Worker("./clock.js");
  clock.onmessage = poll;
  clock.onerror = () => {
    clock = null;
    lookAfter(2000);
  };
} catch {
  // The page's own timers will do.
}

function lookAfter(ms) {
  clearTimeout(timer);
  clock ? clock.postMessage(ms) : (timer = setTimeout(poll, ms));
}

let asking = false;
let failures = 0;

/** Asks where the line stands and shows it. Gives after how many ms to ask again. */
async function look() {
  let retryMs = 0;
  try {
    // The browser's cache keeps the ETag and asks with it.
    const answer = await fetch(`/v1/rooms/${encodeURIComponent(data.room)}/head`, { signal: within(8000) });
    retryMs = Number(answer.headers.get("retry-after")) * 1000 || 0;
    // Others behind the same address ask as well: the line is there, and what is shown stays true a little longer.
    if (answer.status === 429) return Math.max(3000, retryMs);
    if (!answer.ok) throw answer.status;
    const head = await answer.json();
    failures = 0;
    trouble(false);
    if (data.queue !== "waiting") {
      showEntrance(head);
      return Math.max(head.poll_after_ms, 5000);
    }
    showWaiting(head);
    askPlace(head);
    return nextLook(head);
  } catch {
    failures += 1;
    trouble(failures > 1);
    return Math.max(Math.min(30000, 1500 * 2 ** failures), retryMs);
  }
}

async function poll() {
  if (asking) return;
  // A page that does not go after all lives on.
  if (isLeaving()) return lookAfter(1000);
  asking = true;
  const next = await look();
  asking = false;
  lookAfter(next * between(1, 1.2));
}

function trouble(on) {
  const notice = root.querySelector("[data-trouble]");
  if (!notice || notice.hidden === !on) return;
  notice.hidden = !on;
  announce(on ? "We cannot reach the line right now. Your place is safe." : "The line can be reached again.", true);
}

// What was told first counts: what is told later is held against it.
const receipt = document.querySelector("[data-receipt]");
try {
  const name = `fairgate-receipt-${data.room}-${receipt?.dataset.entry}`;
  if (receipt && !localStorage.getItem(name)) localStorage.setItem(name, receipt.dataset.receipt);
} catch {
  // A browser that keeps nothing: the page has it all the same.
}

// Few ask for it, so it is fetched when they do.
const proof = document.querySelector("details[data-proof]");
proof?.addEventListener("toggle", async () => {
  if (!proof.open) return;
  const { prove } = await import("./proof.js");
  const [lane, offset] = proof.dataset.proof.split(".").map(Number);
  prove(proof.querySelector("ul"), { lane, offset });
});

// What only a page with scripts can promise.
for (const promise of document.querySelectorAll("[data-scripted]")) promise.hidden = false;
offerAlerts();

if (data.queue === "turn") {
  showTurn();
} else if (root) {
  if (data.opensMs) showOpening();
  lookAfter(between(400, 1500));
  // Browsers slow down hidden pages; whoever looks again sees the truth at once.
  document.addEventListener("visibilitychange", () => document.hidden || poll());
  addEventListener("online", () => poll());
}
document.documentElement.dataset.alive = "yes";
