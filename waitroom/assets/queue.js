// The queue page, alive. It asks where the line stands (one small document, the same for everybody), works out the
// fan's own place from it, and changes the page in place. The rules are those of wait.rs, place.rs and page_view.rs.

const root = document.querySelector("[data-queue]");
const value = (name) => root.ownerDocument.querySelector(`[data-v="${name}"]`);
const number = (n) => Math.round(n).toLocaleString("en");
const between = (low, high) => low + Math.random() * (high - low);
const JOINABLE = ["pre_queue", "open", "paused"];

/** Sets a text where it differs, so that screen readers and eyes are left alone otherwise. */
function say(name, text) {
  const element = value(name);
  if (element && element.textContent !== text) element.textContent = text;
}

let announcedAt = -Infinity;
let announced = "";
/** Tells screen readers: at most twice a minute, unless it is urgent. */
function announce(text, urgent = false) {
  const region = root.querySelector("[data-live]");
  const now = performance.now();
  if (!region || text === announced || (!urgent && now - announcedAt < 30000)) return;
  announcedAt = now;
  announced = text;
  region.textContent = text;
}

let leaving = false;
/** Asks the server for the page anew, spread over `spread` ms so that a whole line does not come back at once. */
function reload(spread) {
  if (leaving) return;
  leaving = true;
  setTimeout(() => location.reload(), between(300, 300 + spread));
}

// --- how long it takes, in words (wait.rs)

function range(ahead, pace, rate) {
  pace ??= rate;
  if (!(pace > 0) || !(rate > 0)) return null;
  return { low: Math.floor((ahead / Math.max(pace, rate)) * 0.9), high: Math.ceil((ahead / Math.min(pace, rate)) * 1.25) };
}

function words({ low, high }) {
  if (high < 45) return "less than a minute";
  const about = (from, to, unit) => (from === to ? `about ${from} ${unit}` : `about ${from} to ${to} ${unit}`);
  const steps = (secs) => [Math.max(1, Math.floor(low / secs)), Math.max(1, Math.ceil(high / secs))];
  if (high >= 7200) {
    const [from, to] = steps(1800);
    const halves = (n) => (Math.floor(n / 2) || "") + (n % 2 ? "½" : "");
    return about(halves(from), halves(to), to > 2 ? "hours" : "hour");
  }
  const step = high > 1200 ? 5 : 1;
  const [from, to] = steps(step * 60).map((n) => n * step);
  return about(String(from), String(to), to > 1 ? "minutes" : "minute");
}

function waitWords(head, ahead) {
  if (head.phase === "paused") return "The line is paused. Your place is safe.";
  if (head.phase !== "open") return "Nobody is let in yet. Your place is safe.";
  const found = range(ahead, head.pace_per_sec, head.rate_per_sec);
  return found ? `That is ${words(found)}.` : "We cannot say right now how long that takes.";
}

const aheadWords = (n) =>
  n <= 0 ? "You are next." : n === 1 ? "One person is ahead of you." : `${number(n)} people are ahead of you.`;

// --- waiting

const mine = root && {
  lane: Number(root.dataset.lane),
  offset: Number(root.dataset.offset),
  joined: Number(root.dataset.joined),
  ahead: Number(root.dataset.ahead),
};

/** How many stand before the fan, lanes being filled in turn. */
const countAhead = (lanes) =>
  lanes.reduce((sum, lane) => sum + Math.max(0, mine.offset + (lane.lane < mine.lane ? 1 : 0) - lane.head), 0);

function drawLine(ahead, waiting) {
  const svg = root.querySelector(".line svg");
  if (!svg) return;
  const [gate, start] = [Number(svg.dataset.gate), Number(svg.dataset.start)];
  const scale = Math.max(mine.joined, ahead, 1);
  const x = gate + (start - gate) * Math.sqrt(Math.min(1, ahead / scale));
  const at = `${x.toFixed(1)}%`;
  svg.querySelector(".you").setAttribute("cx", at);
  svg.querySelector(".you-label").setAttribute("x", at);
  svg.querySelector(".passed").setAttribute("x1", at);
  for (const person of svg.querySelectorAll(".person:not(.behind)")) {
    person.classList.toggle("gone", parseFloat(person.getAttribute("cx")) >= x - 0.05);
  }
  const all = Math.max(waiting, ahead + 1);
  const rounded = all >= 1000 ? Math.max(Math.round(all / 100) * 100, ahead + 1) : all;
  svg.setAttribute("aria-label", `place ${number(ahead + 1)} of about ${number(rounded)}`);
}

function showWaiting(head) {
  const own = head.lanes.find((lane) => lane.lane === mine.lane);
  if (head.phase === "closed") return reload(8000);
  if (own && own.head > mine.offset) return reload(700);
  // The number of people ahead never rises, whatever a cache on the way may say.
  mine.ahead = Math.min(mine.ahead, countAhead(head.lanes));
  const { ahead, joined } = mine;
  const wait = waitWords(head, ahead);
  say("place", number(ahead + 1));
  say("ahead", aheadWords(ahead));
  say("wait", wait);
  const passed = joined - ahead;
  if (passed > 0) {
    say("passed", passed === 1 ? "One person has gone in since you joined." : `${number(passed)} people have gone in since you joined.`);
  }
  const message = value("message");
  message.hidden = !head.message;
  say("message", head.message);
  say("news", `${new Date().toLocaleTimeString("en-GB")}, your time`);
  drawLine(ahead, head.waiting);
  document.title = `${ahead > 0 ? `${number(ahead)} ahead` : "You are next"} · ${root.dataset.title}`;
  const turned = head.phase !== root.dataset.phase;
  root.dataset.phase = head.phase;
  announce(`${aheadWords(ahead)} ${wait}`, turned);
}

function showEntrance(head) {
  const before = root.dataset.phase;
  if (head.phase !== before) return reload(JOINABLE.includes(before) === JOINABLE.includes(head.phase) ? 3000 : 1500);
  // A page's line ends are all the same.
  if (head.message.replace(/\r\n?/g, "\n") !== root.dataset.message) return reload(3000);
  const n = head.waiting;
  say("people", n <= 0 ? "Nobody is waiting right now." : n === 1 ? "One person is waiting." : `${number(n)} people are waiting.`);
  // Where nobody stood in line there was no pace to measure.
  const found = range(n, head.pace_per_sec || null, head.rate_per_sec);
  say("entrance-wait", found ? `Whoever joins now waits ${words(found)}.` : "We cannot say right now how long the wait is.");
}

// --- asking

let timer;
let asking = false;
let failures = 0;

async function poll() {
  if (leaving || asking) return;
  asking = true;
  clearTimeout(timer);
  let next;
  try {
    // The browser's cache keeps the ETag and asks with it.
    const answer = await fetch(`/v1/rooms/${encodeURIComponent(root.dataset.room)}/head`, { signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw Number(answer.headers.get("retry-after")) * 1000 || 0;
    const head = await answer.json();
    failures = 0;
    trouble(false);
    const waiting = root.dataset.queue === "waiting";
    (waiting ? showWaiting : showEntrance)(head);
    // Far back, asking less often loses nothing.
    const distance = waiting && head.rate_per_sec > 0 ? (mine.ahead / head.rate_per_sec) * 50 : 0;
    next = Math.max(head.poll_after_ms, Math.min(15000, distance), waiting ? 0 : 5000);
  } catch (reason) {
    failures += 1;
    trouble(failures > 1);
    next = Math.max(Math.min(30000, 1500 * 2 ** failures), typeof reason === "number" ? reason : 0);
  }
  asking = false;
  timer = setTimeout(poll, next * between(0.8, 1.2));
}

function trouble(on) {
  const notice = root.querySelector("[data-trouble]");
  if (!notice || notice.hidden === !on) return;
  notice.hidden = !on;
  announce(on ? "We cannot reach the line right now. Your place is safe." : "The line can be reached again.", true);
}

// --- your turn

function showTurn() {
  const deadline = performance.now() + Number(root.dataset.leftMs);
  const total = Math.max(1, Number(root.dataset.leftMs));
  const ring = root.querySelector(".ring-left");
  const line = root.querySelector("[data-countdown]");
  document.title = `It is your turn · ${root.dataset.title}`;
  line.hidden = false;
  const tick = () => {
    const left = Math.max(0, deadline - performance.now());
    const secs = Math.ceil(left / 1000);
    say("left", `${Math.floor(secs / 60)}:${String(secs % 60).padStart(2, "0")}`);
    ring.setAttribute("stroke-dashoffset", String(100 - (left / total) * 100));
    line.classList.toggle("late", secs <= 20);
    if (left > 0) setTimeout(tick, 250 + (left % 250));
    else reload(1000);
  };
  tick();
  enterOnce();
}

/** Goes in by itself, but once only: whoever comes back with the browser's button decides for themselves. */
function enterOnce() {
  const form = root.querySelector("[data-enter]");
  if (!form) return; // Without cookies it would lead nowhere.
  const key = `fairgate:entered:${root.dataset.room}:${root.dataset.until}`;
  try {
    if (sessionStorage.getItem(key)) return;
    sessionStorage.setItem(key, "1");
  } catch {
    return; // Without storage we cannot know, and the button is there.
  }
  value("going").hidden = false;
  announce("It is your turn. Taking you to checkout.", true);
  setTimeout(() => form.requestSubmit(), 1200);
}

// What only a page with scripts can promise.
for (const promise of document.querySelectorAll("[data-scripted]")) promise.hidden = false;

if (root?.dataset.queue === "turn") {
  showTurn();
} else if (root) {
  timer = setTimeout(poll, between(400, 1500));
  // Browsers slow down hidden pages; whoever looks again sees the truth at once.
  document.addEventListener("visibilitychange", () => document.hidden || poll());
  addEventListener("online", poll);
}
addEventListener("pageshow", (event) => event.persisted && location.reload());
