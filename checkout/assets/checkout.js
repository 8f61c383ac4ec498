// Countdowns, pages that wait, and small comforts. Every page works without this file.

const LATE_SECS = 60;

function clock(secs) {
  return `${Math.floor(secs / 60)}:${String(secs % 60).padStart(2, "0")}`;
}

// The server says how many seconds are left, so a phone with a wrong clock counts right. Date goes on while a phone
// sleeps, unlike performance.now().
function countdown(box) {
  const total = Math.max(1, Number(box.dataset.total));
  const end = Date.now() + Number(box.dataset.secs) * 1000;
  const time = box.querySelector("[data-left]");
  const ring = box.querySelector(".ring-left");
  const said = box.querySelector("[data-said]");
  let timer = 0;
  function tick() {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    time.textContent = clock(left);
    time.hidden = false;
    ring?.setAttribute("stroke-dashoffset", String(100 - Math.min(100, (100 * left) / total)));
    box.classList.toggle("late", left <= LATE_SECS);
    // Said twice only: a screen reader should not read every second.
    if (said && (left === 60 || left === 15)) said.textContent = `${left} seconds left.`;
    if (left === 0) {
      clearInterval(timer);
      for (const words of [box.querySelector("[data-words]"), said]) if (words) words.textContent = box.dataset.over;
      setTimeout(() => location.assign(box.dataset.then), 800);
    }
  }
  timer = setInterval(tick, 1000);
  tick();
}

// Asks for this page again and takes over what changed, without moving the reader.
function poll(box) {
  const pause = Number(box.dataset.poll) * 1000;
  async function look() {
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("[data-poll-state]")?.dataset.pollState ?? "";
      if (answer.ok && next !== box.dataset.pollState) {
        location.replace(location.href);
        return;
      }
    } catch {
      // No network for a moment: what stands here stays true, and the next look follows.
    }
    setTimeout(look, pause);
  }
  setTimeout(look, pause);
}

// As long as this page is open and seen, its reader is in checkout, also where nothing is held. Closing it says nothing.
function here(words) {
  async function say() {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch(words.dataset.here, { method: "POST", cache: "no-store" });
      if (answer.status === 403) location.reload();
    } catch {
      // No network for a moment: the next word follows.
    }
  }
  setInterval(say, Number(words.dataset.every) * 1000);
  document.addEventListener("visibilitychange", say);
}

// A second click must not send a form again; the words say what is going on.
function submitOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button?.dataset.busy) {
      button.dataset.idle = button.textContent;
      button.textContent = button.dataset.busy;
    }
    button?.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) {
      button.removeAttribute("aria-disabled");
      if (button.dataset.idle) button.textContent = button.dataset.idle;
    }
  });
}

// What the chosen tickets come to. Prices come from the page in minor units; the server has the last word.
function sum(form) {
  const out = form.querySelector("[data-sum]");
  if (!out) return;
  const money = new Intl.NumberFormat("en-GB", { style: "currency", currency: out.dataset.sum });
  const digits = money.resolvedOptions().maximumFractionDigits;
  function update() {
    let count = 0;
    let minor = 0;
    for (const select of form.querySelectorAll("select[data-price]")) {
      count += Number(select.value);
      minor += Number(select.value) * Number(select.dataset.price);
    }
    out.textContent =
      count === 0 ? "" : `${count} ${count === 1 ? "ticket" : "tickets"}, ${money.format(minor / 10 ** digits)}`;
  }
  form.addEventListener("change", update);
  window.addEventListener("pageshow", update);
}

// What only a page with scripts can promise.
for (const promise of document.querySelectorAll("[data-scripted]")) promise.hidden = false;
document.querySelectorAll("[data-countdown]").forEach(countdown);
document.querySelectorAll("[data-poll]").forEach(poll);
document.querySelectorAll("[data-here]").forEach(here);
document.querySelectorAll("form[data-once]").forEach(submitOnce);
document.querySelectorAll("form[data-choose]").forEach(sum);
document.querySelectorAll("form[data-retry]").forEach((form) => {
  setTimeout(() => form.requestSubmit(), Number(form.dataset.retry) * 1000);
});
document.querySelectorAll("button[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
document.querySelector("[data-focus]")?.focus();
// A page from the browser's memory shows an old time and old stock.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
