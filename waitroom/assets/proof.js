// Checks the fan's own place, on their device, when they ask for it.

import { root, within } from "./page.js";
import { check, isUnder } from "./draw.js";

const bytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const decoded = (text) => bytes(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
const read = (part) => JSON.parse(new TextDecoder().decode(part));

/** What a receipt says. */
const said = (token) => read(decoded(token.split(".")[2]).slice(0, -64));

/** What is signed of a PASETO v4.public token: how many parts there are, and each with its length before it. */
function signed(...parts) {
  const length = ({ length }) => BigUint64Array.of(BigInt(length));
  return new Blob([length(parts), ...parts.flatMap((part) => [length(part), part])]).arrayBuffer();
}

/** What an address answers, as JSON; null where there is nothing. */
async function ask(path) {
  const answer = await fetch(path, { signal: within(8000) });
  return answer.status === 404 ? null : answer.json();
}

/** Whether one of the published keys signed a receipt, or the name of why that cannot be told. */
async function isSigned(token) {
  const [, , body, footer] = token.split(".");
  const { kid } = read(decoded(footer));
  const { keys } = await ask("/.well-known/paseto-keys");
  let key = keys.find((each) => each.kid === kid)?.key;
  if (!key) return "key";
  try {
    key = await crypto.subtle.importKey("raw", decoded(key.split(".")[2]), "Ed25519", false, ["verify"]);
  } catch {
    return "browser";
  }
  const message = decoded(body);
  const all = signed(bytes("v4.public."), message.slice(0, -64), decoded(footer), bytes("fairgate/receipt/v1"));
  return crypto.subtle.verify("Ed25519", key, message.slice(-64), await all);
}

/** The receipt that the page has, and whether it is about this entry and says what the one says that this device kept. */
function receiptOf(room, lane, offset) {
  const { receipt: token, entry } = document.querySelector("[data-receipt]").dataset;
  const first = localStorage.getItem(`fairgate-receipt-${room}-${entry}`) ?? token;
  const kept = said(first);
  const same = JSON.stringify(kept) === JSON.stringify(said(token));
  return { first, kept, ok: same && `${[kept.room, kept.lane, kept.offset]}` === `${[room, lane, offset]}` };
}

/** Whether the record that a receipt is about is under a root of the room; null where there is none over it yet. */
async function isProved(room, { lane, offset, joined_ms, nonce }) {
  const at = `/v1/rooms/${room}`;
  const proof = await ask(`${at}/places/${lane}/${offset}/proof`);
  if (!proof) return null;
  const { roots } = await ask(`${at}/roots`);
  const root = roots.find((each) => each.lane === lane && each.size === proof.size)?.root;
  // Of one that was published this moment the list may not know yet.
  if (!root) return null;
  return isUnder({ offset, joined_ms, nonce }, { ...proof, root });
}

/** Writes into `list` what holds and what does not. */
export async function prove(list, { lane, offset }) {
  const data = root.dataset;
  const line = (what, before = "") =>
    list.appendChild(document.createElement("li")).append(before + list.getAttribute(`data-of-${what}`));
  list.replaceChildren();
  try {
    const { room, lanes, draw } = await ask(`/v1/rooms/${data.room}/head`);
    const turn = { lane: Number(data.lane), number: Number(data.offset) };
    const found = await check({ ...draw, room, lanes: lanes.length, lane, offset, turn });
    const receipt = receiptOf(room, lane, offset);
    found.push({ what: "receipt", ok: receipt.ok });
    const signature = await isSigned(receipt.first);
    if (typeof signature === "string") line(signature);
    else found.push({ what: "signature", ok: signature });
    const record = await isProved(room, receipt.kept);
    if (record === null) line("no-root");
    else found.push({ what: "record", ok: record });
    for (const { what, ok } of found) line(what, ok ? "Holds: " : "Does not hold: ");
    list.dataset.holds = found.every(({ ok }) => ok);
  } catch {
    line("failed");
  }
}
