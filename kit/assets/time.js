// Tells what somebody must do in time by the reader's own clock. Where this file does not load, such times stand in the
// venue's zone, which is named.

const part = (at, options) => at.toLocaleString("en-GB", options);
const clock = (at, second) => part(at, { hour: "2-digit", minute: "2-digit", second });
const date = (at) => ["day", "month", "year"].map((name) => part(at, { [name]: name === "month" ? "short" : "numeric" })).join(" ");

const FORMS = {
  clock: (at) => clock(at, "2-digit"),
  full: (at) => {
    const day = ["weekday", "day", "month", "year"];
    const words = day.map((name) => part(at, { [name]: name === "day" || name === "year" ? "numeric" : "long" }));
    return `${words.join(" ")} at ${clock(at)}`;
  },
  short: (at) => `${date(at)}, ${clock(at)}`,
  stamp: (at) => `${date(at)}, ${clock(at, "2-digit")}`,
};

function tell(within) {
  for (const time of within.querySelectorAll("time[data-own]")) {
    const at = new Date(time.dateTime);
    const form = FORMS[time.dataset.own];
    if (form && !Number.isNaN(at.getTime())) time.textContent = `${form(at)}, your time`;
  }
}

tell(document);
// A part of the page that was fetched anew says so.
document.addEventListener("redrawn", (event) => tell(event.target));
