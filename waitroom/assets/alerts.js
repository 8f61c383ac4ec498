// A sound and a notification when it is one's turn, both only for whoever asked for them. The wish is kept in this browser.

const kept = (name) => `fairgate:${name}`;

function wishes(name) {
  try {
    return localStorage.getItem(kept(name)) === "on";
  } catch {
    return false;
  }
}

function keep(name, on) {
  try {
    on ? localStorage.setItem(kept(name), "on") : localStorage.removeItem(kept(name));
  } catch {
    // Without storage the wish lasts as long as this page.
  }
}

let context;
/** Browsers let a page sound only after it was pressed; a wish from before a reload may have to be pressed anew. */
async function unlock() {
  context ??= new AudioContext();
  await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 300))]);
  return context.state === "running";
}

/** Two soft notes, one after the other. */
function ring() {
  for (const [after, pitch] of [[0, 659], [0.22, 880]]) {
    const [note, loudness] = [context.createOscillator(), context.createGain()];
    const at = context.currentTime + after;
    note.frequency.value = pitch;
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.25, at + 0.03);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
    note.connect(loudness).connect(context.destination);
    note.start(at);
    note.stop(at + 0.65);
  }
}

/** Phones show notifications of installed apps only, and say so only when one is made. */
function canNotify() {
  new Notification("It is your turn", { silent: true, tag: "fairgate-try" }).close();
  return true;
}

const KINDS = {
  sound: {
    there: () => "AudioContext" in window,
    on: async () => (await unlock()) && (ring(), true),
    ready: () => unlock(),
    refused: "This browser does not play a sound for this page.",
    lapsed: "Press again to allow the sound.",
    tell: () => ring(),
  },
  notification: {
    there: () => "Notification" in window,
    on: async () => (await Notification.requestPermission()) === "granted" && canNotify(),
    ready: async () => Notification.permission === "granted",
    refused: "This browser does not show notifications for this page.",
    lapsed: "Press again to allow the notification.",
    tell: (title) => new Notification("It is your turn", { body: title, tag: "fairgate-turn" }),
  },
};

const isOn = {};

/** Brings the buttons `data-alert` to life. Nothing is asked for and nothing sounds before one is pressed. */
export function offerAlerts() {
  for (const button of document.querySelectorAll("[data-alert]")) {
    const name = button.dataset.alert;
    const kind = KINDS[name];
    if (!kind?.there()) continue;
    const words = document.getElementById(button.getAttribute("aria-describedby"));
    const show = (on, text) => {
      isOn[name] = on;
      button.setAttribute("aria-pressed", String(on));
      if (words) words.textContent = text;
    };
    button.hidden = false;
    if (wishes(name)) kind.ready().then((ready) => show(ready, ready ? "" : kind.lapsed));
    button.addEventListener("click", async () => {
      const on = !isOn[name] && (await kind.on().catch(() => false));
      keep(name, on);
      show(on, on || isOn[name] ? "" : kind.refused);
    });
  }
}

/** Tells that it is the turn, in the ways that were asked for. Gives how long that takes, in ms. */
export function tellTurn(title) {
  let takes = 0;
  for (const [name, kind] of Object.entries(KINDS)) {
    if (!isOn[name]) continue;
    try {
      kind.tell(title);
      takes = 900;
    } catch {
      // It was allowed before, and is not any more.
    }
  }
  return takes;
}
