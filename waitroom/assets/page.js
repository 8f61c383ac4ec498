// What the parts of the queue page share: its section, its texts, its voice for screen readers, its way to reload.

export let root = document.querySelector("[data-queue]");
export const value = (name) => document.querySelector(`[data-v="${name}"]`);
export const between = (low, high) => low + Math.random() * (high - low);

/** Sets a text where it differs, so that screen readers and eyes are left alone otherwise. An empty text is hidden. */
export function say(name, text) {
  const element = value(name);
  if (!element) return;
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/** Puts the page's template of this name in the place of its main part, as the server would have sent it. False where the page
 *  has none. */
export function become(name) {
  const main = document.querySelector("main");
  const template = main.querySelector(`template[data-become="${name}"]`);
  if (!template) return false;
  main.replaceChildren(template.content);
  root = main.querySelector("[data-queue]");
  bringToLife(main);
  main.dispatchEvent(new Event("redrawn", { bubbles: true }));
  // As after a reload, one reads from the top.
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus();
  return true;
}

/** Shows what only a page with scripts can promise. */
export function bringToLife(within) {
  for (const promise of within.querySelectorAll("[data-scripted]")) promise.hidden = false;
}

const MINUTE_MS = 60000;
let told = [];
let waiting = null;
let last = "";
/** Tells screen readers: twice a minute at most. What is not urgent leaves half of that free; what is urgent and comes too
 *  often is told as soon as it may be, the latest of it. */
export function announce(text, urgent = false) {
  const region = root?.querySelector("[data-live]");
  const now = performance.now();
  if (!region) return;
  // What waits to be told is outdated by whatever comes.
  const isUrgent = urgent || waiting !== null;
  clearTimeout(waiting);
  waiting = null;
  if (text === last) return;
  told = told.filter((at) => now - at < MINUTE_MS);
  if (!isUrgent && told.length > 0) return;
  if (told.length >= 2) {
    waiting = setTimeout(() => announce(text, true), MINUTE_MS - (now - told[0]) + 50);
    return;
  }
  told.push(now);
  last = text;
  region.textContent = text;
}

/** A signal that ends a request after so many ms. */
export function within(ms) {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), ms);
  return stop.signal;
}

let leaving = false;
let reloading;
let staying;
export const isLeaving = () => leaving;

/** The browser goes elsewhere; where it does not, the page lives on. */
function depart() {
  leaving = true;
  clearTimeout(reloading);
  clearTimeout(staying);
  staying = setTimeout(() => (leaving = false), 15000);
}

async function isThere() {
  try {
    return (await fetch(location.href, { method: "HEAD", signal: within(8000) })).ok;
  } catch {
    return false;
  }
}

/** Asks the server for the page anew, spread over `spread` ms so that a whole line does not come back at once. Where the
 *  server does not answer, the page stays: it knows more than an error does. */
export function reload(spread, first = 300) {
  if (leaving) return;
  leaving = true;
  const mine = setTimeout(async () => {
    const answers = await isThere();
    if (mine !== reloading) return;
    if (!answers) return (leaving = false);
    depart();
    location.reload();
  }, between(first, first + spread));
  reloading = mine;
}

/** Sends a form, as if its button were pressed. */
export function send(form) {
  if (form.requestSubmit) return form.requestSubmit();
  press();
  form.submit();
}

// Forms leave, too: nothing reloads under a press.
function press() {
  depart();
  reloading = null;
}
addEventListener("submit", press);
addEventListener("pageshow", (event) => event.persisted && location.reload());
