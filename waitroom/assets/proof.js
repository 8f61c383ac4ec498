// Checks the fan's own place, on their device, when they ask for it.

import { root, within } from "./page.js";
import { check } from "./draw.js";

const WORDS = {
  commitment: "The secret number is the one whose fingerprint was published before anybody could join.",
  lanes: "Your entry is one of this draw's.",
  turn: "With that number, your place is the one that you have.",
};

/** Writes into `list` what holds and what does not. */
export async function prove(list, { lane, offset }) {
  const data = root.dataset;
  const line = (words) => list.appendChild(document.createElement("li")).append(words);
  list.replaceChildren();
  try {
    const answer = await fetch(`/v1/rooms/${encodeURIComponent(data.room)}/head`, { signal: within(8000) });
    const { room, lanes, draw } = await answer.json();
    const { ends, seed, commitment, entropy } = draw;
    const turn = { lane: Number(data.lane), number: Number(data.offset) };
    const found = await check({ room, lanes: lanes.length, ends, seed, commitment, entropy, lane, offset, turn });
    for (const { what, ok } of found) line(`${ok ? "Holds" : "Does not hold"}: ${WORDS[what]}`);
    list.dataset.holds = found.every(({ ok }) => ok);
  } catch {
    line("This could not be checked right now. Close this and open it again.");
  }
}
