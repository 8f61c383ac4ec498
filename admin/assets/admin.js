// Keeps the figures of a console page true while it is open. The page is whole without this script.
const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const tones = { open: "badge-good", pre_queue: "badge-accent", drawing: "badge-accent", paused: "badge-warn", closed: "badge-bad" };
const forms = {
  phase: (value) => value.replace("_", "-"),
  share: (value) => `${Math.round(value * 100)} %`,
  door: (value) => (value ? "open" : "shut"),
};

// `forecast.empty_in.words` of a room.
const at = (thing, path) => path.split(".").reduce((part, name) => part?.[name], thing);

function words(value, form) {
  if (value === null || value === undefined) return "–";
  if (forms[form]) return forms[form](value);
  return typeof value === "number" ? numbers.format(value) : String(value);
}

function put(element, thing) {
  const value = at(thing, element.dataset.value);
  if (element.localName === "meter") {
    element.max = at(thing, element.dataset.max) || 1;
    element.value = value ?? 0;
    return;
  }
  const form = element.dataset.form;
  const text = words(value, form);
  if (element.textContent === text) return;
  element.textContent = text;
  if (form === "phase") {
    element.className = `badge ${tones[value] ?? ""}`;
    return;
  }
  element.classList.remove("changed");
  void element.offsetWidth;
  element.classList.add("changed");
}

// The sentences of a list, such as why the line is held back.
function list(element, thing) {
  const texts = (at(thing, element.dataset.list) ?? []).map((item) => item.words);
  if (texts.length === 0) texts.push(element.dataset.none);
  if (element.innerText === texts.join("\n")) return;
  element.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function show(rooms) {
  for (const room of rooms) {
    for (const scope of document.querySelectorAll("[data-room]")) {
      if (scope.dataset.room !== room.room) continue;
      const values = scope.dataset.value ? [scope] : scope.querySelectorAll("[data-value]");
      for (const element of values) put(element, room);
      for (const element of scope.querySelectorAll("[data-list]")) list(element, room);
    }
    if (live.dataset.room !== room.room) continue;
    for (const lane of room.lane_figures) {
      const row = document.querySelector(`[data-lane="${lane.lane}"]`);
      for (const element of row?.querySelectorAll("[data-value]") ?? []) put(element, lane);
    }
  }
}

// Parts that are fetched anew, as the server draws them.
async function redraw(part) {
  // The sign-in page, where the session has ended, is no part.
  const answer = await fetch(part.dataset.part, { redirect: "error" });
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === part.dataset.drawn) return;
  // A draw that went a step further: what can be done on the page is another thing then.
  const [was, is] = [part, Object.assign(document.createElement("div"), { innerHTML: text })]
    .map((of) => of.querySelector("[data-state]")?.dataset.state);
  if (was !== is) return location.reload();
  const before = alarms();
  part.dataset.drawn = text;
  // Where a link was focused, its successor is.
  const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
  part.innerHTML = text;
  if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  part.dispatchEvent(new Event("redrawn", { bubbles: true }));
  say(before, alarms());
}

// Of alarms only what begins and what ends is said; their numbers change all the time.
function alarms() {
  const found = [...document.querySelectorAll("[data-alarm]")];
  return new Map(found.map((alarm) => {
    const text = (css) => alarm.querySelector(css).textContent;
    return [alarm.dataset.alarm, `${text("strong")}: ${text("[data-words]")}`];
  }));
}

function say(before, after) {
  const begun = [...after].filter(([alarm]) => !before.has(alarm)).map(([, text]) => `Alarm. ${text}`);
  const over = [...before].filter(([alarm]) => !after.has(alarm)).map(([, text]) => `No longer so. ${text}`);
  const said = document.querySelector("[data-said]");
  if (said && begun.length + over.length > 0) said.textContent = [...begun, ...over].join(" ");
}

// Figures that stand still must not look live.
const news = document.querySelector("[data-news]");
const PATIENCE_MS = 5000;
let heard = Date.now();

function tell(text) {
  if (!news || news.textContent === text) return;
  news.textContent = text;
  news.dataset.news = text ? "old" : "";
}

function doubt() {
  if (Date.now() - heard < PATIENCE_MS) return;
  tell(`No news since ${new Date(heard).toLocaleTimeString("en-GB")}, your time. Reload the page.`);
}

// A closed room is measured no more: its last figures must not look live either. One that has just
// been made is missing for a moment, and so are all of a server that has just started.
const missing = new Map();
const END = { phase: "closed", health: "Closed for good. These are its last figures." };

function end(rooms) {
  const there = new Set(rooms.map((room) => room.room));
  for (const scope of document.querySelectorAll("[data-room]")) {
    const name = scope.dataset.room;
    if (there.has(name)) missing.delete(name);
    else if (!missing.has(name)) missing.set(name, Date.now());
    if (!missing.has(name) || Date.now() - missing.get(name) < PATIENCE_MS) continue;
    const values = scope.dataset.value ? [scope] : scope.querySelectorAll("[data-value]");
    for (const element of values) if (element.dataset.value in END) put(element, END);
    if (scope === live) tell("The room is closed. Nothing here changes any more.");
  }
}

const live = document.querySelector("[data-live]");
if (live) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener("rooms", (event) => {
    const rooms = JSON.parse(event.data);
    heard = Date.now();
    if (!missing.has(live.dataset.room)) tell("");
    show(rooms);
    end(rooms);
  });
  setInterval(doubt, 1000);
}
for (const part of document.querySelectorAll("[data-part]")) {
  setInterval(() => { if (!document.hidden) redraw(part).catch(() => {}); }, part.dataset.every * 1000);
}
