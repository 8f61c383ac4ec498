// Keeps the figures of a console page true while it is open. The page is whole without this script.
const table = document.querySelector("[data-live]");
const numbers = new Intl.NumberFormat("en");
const tones = { open: "badge-good", pre_queue: "badge-accent", paused: "badge-warn", closed: "badge-bad" };

function words(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? numbers.format(value) : String(value);
}

function put(element, value) {
  const text = words(element.dataset.value === "phase" ? value.replace("_", "-") : value);
  if (element.textContent === text) return;
  element.textContent = text;
  if (element.dataset.value === "phase") {
    element.className = `badge ${tones[value] ?? ""}`;
    return;
  }
  element.classList.remove("changed");
  void element.offsetWidth;
  element.classList.add("changed");
}

function show(rooms) {
  for (const room of rooms) {
    for (const scope of document.querySelectorAll("[data-room]")) {
      if (scope.dataset.room !== room.room) continue;
      const values = scope.dataset.value ? [scope] : scope.querySelectorAll("[data-value]");
      for (const element of values) put(element, room[element.dataset.value]);
    }
    if (table.dataset.room !== room.room) continue;
    for (const lane of room.lane_figures) {
      const row = document.querySelector(`[data-lane="${lane.lane}"]`);
      for (const element of row?.querySelectorAll("[data-value]") ?? []) put(element, lane[element.dataset.value]);
    }
  }
}

async function redraw(figure) {
  // The sign-in page, where the session has ended, is no picture.
  const answer = await fetch(figure.dataset.picture, { headers: { accept: "image/svg+xml" }, redirect: "error" });
  if (answer.ok) figure.innerHTML = await answer.text();
}

// Figures that stand still must not look live.
const news = document.querySelector("[data-news]");
const PATIENCE_MS = 5000;
let heard = Date.now();

function tell(words) {
  if (!news || news.textContent === words) return;
  news.textContent = words;
  news.dataset.news = words ? "old" : "";
}

function hear() {
  heard = Date.now();
  tell("");
}

function doubt() {
  if (Date.now() - heard < PATIENCE_MS) return;
  tell(`No news since ${new Date(heard).toLocaleTimeString("en-GB")}, your time. Reload the page.`);
}

if (table) {
  const source = new EventSource(table.dataset.live);
  source.addEventListener("rooms", (event) => { hear(); show(JSON.parse(event.data)); });
  setInterval(doubt, 1000);
}
const figure = document.querySelector("[data-picture]");
if (figure) setInterval(() => { if (!document.hidden) redraw(figure).catch(() => {}); }, 5000);
