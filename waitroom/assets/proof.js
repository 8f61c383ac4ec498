// Checks the fan's own place, on their device, when they ask for it.

import { root, within } from "./page.js";
import { check, isUnder } from "./draw.js";

const WORDS = {
  commitment: "The secret number is the one whose fingerprint was published before anybody could join.",
  lanes: "Your entry is one of this draw's.",
  receipt: "Your receipt still says what it said when this device first saw it.",
  signature: "Your receipt is signed by us: it is our word, and we cannot deny it.",
  record: "What you joined with is under a published root: nobody has changed it.",
  turn: "With that number, your place is the one that you have.",
};

const bytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const decoded = (text) => bytes(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
const read = (part) => JSON.parse(new TextDecoder().decode(part));

/** What a receipt says. */
const said = (token) => read(decoded(token.split(".")[2]).slice(0, -64));

/** What is signed of a PASETO v4.public token: how many parts there are, and each with its length before it. */
function signed(...parts) {
  const length = (number) => new Uint8Array(new BigUint64Array([BigInt(number)]).buffer);
  return new Blob([length(parts.length), ...parts.flatMap((part) => [length(part.length), part])]).arrayBuffer();
}

const UNTOLD = {
  browser: "This browser cannot check your receipt's signature. Save your receipt, and have another one check it.",
  key: "Your receipt was signed by a key that is not published any more.",
};

/** Whether one of the published keys signed a receipt, or why that cannot be told. */
async function isSigned(token) {
  const [, , body, footer] = token.split(".");
  const { kid } = read(decoded(footer));
  const { keys } = await (await fetch("/.well-known/paseto-keys", { signal: within(8000) })).json();
  const found = keys.find((each) => each.kid === kid);
  if (!found) return UNTOLD.key;
  let key;
  try {
    key = await crypto.subtle.importKey("raw", decoded(found.key.split(".")[2]), "Ed25519", false, ["verify"]);
  } catch {
    return UNTOLD.browser;
  }
  const message = decoded(body);
  const parts = [bytes("v4.public."), message.slice(0, -64), decoded(footer), bytes("fairgate/receipt/v1")];
  return crypto.subtle.verify("Ed25519", key, message.slice(-64), await signed(...parts));
}

/** The receipt that the page has, and whether it is about this entry and says what the one says that this device kept. */
function receiptOf(room, lane, offset) {
  const { receipt: token, entry } = document.querySelector("[data-receipt]").dataset;
  const first = localStorage.getItem(`fairgate-receipt-${room}-${entry}`) ?? token;
  const kept = said(first);
  const now = said(token);
  const same = ["room", "lane", "offset", "joined_ms", "nonce"].every((name) => kept[name] === now[name]);
  return { first, kept, ok: same && kept.room === room && kept.lane === lane && kept.offset === offset };
}

/** Whether the record that a receipt is about is under a root of the room; null where there is none over it yet. */
async function isProved(room, { lane, offset, joined_ms, nonce }) {
  const at = `/v1/rooms/${encodeURIComponent(room)}`;
  const proof = await fetch(`${at}/places/${lane}/${offset}/proof`, { signal: within(8000) });
  if (proof.status === 404) return null;
  const { size, path } = await proof.json();
  const { roots } = await (await fetch(`${at}/roots`, { signal: within(8000), cache: "no-cache" })).json();
  const root = roots.find((each) => each.lane === lane && each.size === size)?.root;
  // Of one that was published this moment the list may not know yet.
  if (!root) return null;
  return isUnder({ offset, joined_ms, nonce }, { size, path, root });
}

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
    const receipt = receiptOf(room, lane, offset);
    found.push({ what: "receipt", ok: receipt.ok });
    const signature = await isSigned(receipt.first);
    if (typeof signature === "string") line(signature);
    else found.push({ what: "signature", ok: signature });
    const record = await isProved(room, receipt.kept);
    if (record === null) line("No published root is over your entry yet. Look again in half a minute.");
    else found.push({ what: "record", ok: record });
    for (const { what, ok } of found) line(`${ok ? "Holds" : "Does not hold"}: ${WORDS[what]}`);
    list.dataset.holds = found.every(({ ok }) => ok);
  } catch {
    line("This could not be checked right now. Close this and open it again.");
  }
}
