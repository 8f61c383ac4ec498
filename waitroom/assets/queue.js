// The queue page, alive. It asks where the line stands (one small document, the same for everybody) and changes the page in
// place; where this file, or one that it imports, does not come to life, guard.js reloads the page.

import { announce, become, between, bringToLife, isLeaving, reload, root, say, within } from "./page.js";
import { lookBeforeOpening, spread } from "./poll.js";
import { number, peopleWords, range, untilWords, words } from "./wait.js";
import { askPlace, begin, nextLook, showWaiting } from "./line.js";
import { offerAlerts } from "./alerts.js";
import { showTurn } from "./turn.js";

let data = root?.dataset ?? {};
const { room, opensMs } = data;
const JOINABLE = ["pre_queue", "drawing", "open", "paused"];

// --- before joining

function showEntrance(head) {
  const before = data.phase;
  if (head.phase !== before) return reload(JOINABLE.includes(before) === JOINABLE.includes(head.phase) ? 3000 : 1500);
  if (String(head.straight_in) !== (data.straightIn ?? String(head.straight_in))) return reload(1500);
  say("message", head.message);
  say("people", peopleWords(head.waiting));
  const found = range(head.wait, head.waiting);
  say("entrance-wait", found ? `Whoever joins now waits ${words(found)}.` : "We cannot say right now how long the wait is.");
}

// --- in the draw

/** Everybody who is in it hears at the same time that it is made: none of them asks the server for a page. */
async function showInDraw(head) {
  if (head.draw?.seed) return showDrawn(head);
  if (head.phase !== "pre_queue" && head.phase !== "drawing") return reload(15000);
  say("draw-people", head.waiting > 1 ? `${number(head.waiting)} people are in the draw` : "You are the only one so far");
  say("message", head.message);
  const isMade = head.phase === "drawing";
  const drawing = root.querySelector("[data-drawing]");
  drawing.hidden = !isMade;
  root.querySelector("[data-undrawn]").hidden = isMade;
  if (isMade) announce(drawing.textContent);
}

async function showDrawn(head) {
  try {
    const [lane, offset] = data.entry.split(".").map(Number);
    const { turnOf } = await import("./draw.js");
    const { ends, seed, entropy } = head.draw;
    const turn = await turnOf({ room, ends, seed, entropy, lane, offset });
    const { joined } = data;
    if (!become("waiting")) throw "no template";
    data = Object.assign(root.dataset, { lane: turn.lane, offset: turn.number, joined, ahead: "" });
    say("number", number(turn.number * head.lanes.length + turn.lane + 1));
    offerAlerts();
    offerProof();
    begin();
    showWaiting(head);
  } catch {
    // Without the browser's own SHA-256, the server works it out.
    reload(15000);
  }
}

// --- the end

/** Nothing more is to be had here; nobody comes back for a page that says so. */
function showClosed(head) {
  const show = document.title.split(" · ").slice(1).join(" · ");
  if (!become("closed")) return reload(15000);
  data = { queue: "closed" };
  document.title = `The line has closed · ${show}`;
  if (head.message) say("closed", head.message);
}

// --- the opening

const opens = performance.now() + Number(opensMs ?? 0);
let pollAfterMs = 2000;

/** Counts down to the opening. All do that at once, so that they do not look at once. */
function showOpening() {
  const tick = () => {
    const left = Math.ceil((opens - performance.now()) / 1000);
    say("opens-in", left > 0 ? `That is in ${untilWords(left)}.` : "It opens any moment now.");
    if (left > 0) setTimeout(tick, left > 600 ? 5000 : 250);
    else lookAfter(between(0, pollAfterMs));
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

/** The newest document's time, and when it came by this page's own clock. */
let newest = { asOf: Number(data.asOf ?? 0), at: performance.now() };

/** Whether a copy on the way is older than what the page knows. Times that lie ahead of all others are believed for so long. */
function isOlder(head) {
  const [asOf, at] = [Date.parse(head.as_of), performance.now()];
  if (asOf < newest.asOf && at - newest.at < 20000) return true;
  if (asOf !== newest.asOf) newest = { asOf, at };
  return false;
}

/** What nobody renewed for half a minute says nothing of the wait, whoever still hands it out. */
function asOld(head) {
  if (performance.now() - newest.at < 30000) return head;
  return { ...head, stale: true, wait: { say: "stale", points: [] } };
}

/** Shows a head document. Gives after how many ms to ask again. */
async function show(head) {
  pollAfterMs = head.poll_after_ms;
  const isClosed = head.phase === "closed";
  if (data.queue === "closed") {
    if (!isClosed) reload(30000);
    return 60000;
  }
  if (data.queue === "entrance") {
    showEntrance(head);
    return lookBeforeOpening(Math.max(pollAfterMs, 5000), opens - performance.now(), head.claim_window_secs);
  }
  if (isClosed) showClosed(head);
  else if (data.queue === "in_draw") await showInDraw(head);
  else showWaiting(asOld(head));
  if (data.queue === "waiting") {
    askPlace();
    return nextLook(head);
  }
  return lookBeforeOpening(pollAfterMs, opens - performance.now(), head.claim_window_secs);
}

/** Asks where the line stands. Gives after how many ms to ask again. */
async function look() {
  let retryMs = 0;
  try {
    // The browser's own copy is never good enough; it keeps the ETag and asks with it.
    const asking = { cache: "no-cache", signal: within(8000) };
    const answer = await fetch(`/v1/rooms/${encodeURIComponent(room)}/head`, asking);
    retryMs = Number(answer.headers.get("retry-after")) * 1000 || 0;
    // Others behind the same address ask as well: the line is there, and what is shown stays true a little longer.
    if (answer.status === 429) return Math.max(3000, retryMs);
    if (!answer.ok) throw answer.status;
    const head = await answer.json();
    failures = 0;
    trouble(false);
    return isOlder(head) ? 1000 : await show(head);
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
  lookAfter(spread(next, Math.random()));
}

function trouble(on) {
  const notice = root?.querySelector("[data-trouble]");
  if (!notice || notice.hidden === !on) return;
  notice.hidden = !on;
  announce(on ? "We cannot reach the line right now. Your place is safe." : "The line can be reached again.", true);
}

/** Few ask for it, so it is fetched when they do. */
function offerProof() {
  const proof = document.querySelector("details[data-proof]");
  proof?.addEventListener("toggle", async () => {
    if (!proof.open) return;
    const { prove } = await import("./proof.js");
    const [lane, offset] = proof.dataset.proof.split(".").map(Number);
    prove(proof.querySelector("ul"), { lane, offset });
  });
}

/** What was told first counts: what is told later is held against it. */
function keepReceipt() {
  const receipt = document.querySelector("[data-receipt]");
  try {
    const name = `fairgate-receipt-${data.room}-${receipt?.dataset.entry}`;
    if (receipt && !localStorage.getItem(name)) localStorage.setItem(name, receipt.dataset.receipt);
  } catch {
    // A browser that keeps nothing: the page has it all the same.
  }
}

bringToLife(document);
keepReceipt();
offerProof();
offerAlerts();

if (data.queue === "turn") {
  showTurn();
} else if (root) {
  if (data.queue === "waiting") begin();
  // It is there when everybody needs it at once.
  if (data.queue === "in_draw") import("./draw.js").catch(() => {});
  if (opensMs) showOpening();
  // The page says what was so a moment ago.
  lookAfter(data.pollMs ? between(0.2, 1) * data.pollMs : between(400, 1500));
  // Browsers slow down hidden pages; whoever looks again sees the truth at once.
  document.addEventListener("visibilitychange", () => document.hidden || poll());
  addEventListener("online", () => poll());
}
document.documentElement.dataset.alive = "yes";
