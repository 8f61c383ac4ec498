// The draw, checked on the fan's own device, as docs/draw.md has it: nothing here asks the server.

const ROUNDS = 90;
const text = new TextEncoder();

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, "0")).join("");

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** `count` bytes, the highest first. */
function whole(number, count) {
  const all = new Uint8Array(count);
  for (let rest = number, at = count - 1; at >= 0; at--, rest = Math.floor(rest / 256)) all[at] = rest % 256;
  return all;
}

const sha = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));

/** `entropy` as in the transcript. */
async function mixed(entropy) {
  if (entropy.source === "operator") return text.encode(entropy.text);
  return entropy.source === "drand" ? sha(bytes(entropy.signature)) : new Uint8Array();
}

async function keyOf(room, ends, seed, entropy) {
  const name = text.encode(room);
  const sizes = ends.map((end) => whole(end, 8));
  const info = joined(text.encode("fairgate/draw/v1"), whole(name.length, 2), name, whole(ends.length, 4), ...sizes);
  const salt = await sha(await mixed(entropy));
  const secret = await crypto.subtle.importKey("raw", bytes(seed), "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, secret, 256));
}

/** Where index `at` of `count` comes to stand. */
async function shuffled(at, count, key) {
  for (let round = 0; round < ROUNDS; round++) {
    const low = new DataView((await sha(key, [round])).buffer).getBigUint64(0, true);
    const flip = (Number(low % BigInt(count)) + count - at) % count;
    const position = Math.max(at, flip);
    const source = await sha(key, [round], whole(Math.floor(position / 256), 4).reverse());
    if ((source[Math.floor((position % 256) / 8)] >> position % 8) & 1) at = flip;
  }
  return at;
}

/** The turn { lane, number } of a place. */
export async function turnOf({ room, ends, seed, entropy, lane, offset }) {
  const [lanes, end] = [ends.length, ends[lane] ?? 0];
  const count = ends.reduce((sum, each) => sum + each, 0);
  if (offset >= end) {
    const drawn = lane < lanes ? Math.floor(count / lanes) + (lane < count % lanes ? 1 : 0) : 0;
    return { lane, number: drawn + offset - end };
  }
  const index = ends.slice(0, lane).reduce((sum, each) => sum + each, offset);
  const position = await shuffled(index, count, await keyOf(room, ends, seed, entropy));
  return { lane: position % lanes, number: Math.floor(position / lanes) };
}

/** Whether a record { offset, joined_ms, nonce } is under a root over `size` records (RFC 9162). */
export async function isUnder(record, { size, path, root }) {
  if (record.offset >= size) return false;
  let [at, last] = [record.offset, size - 1];
  const up = () => ([at, last] = [Math.floor(at / 2), Math.floor(last / 2)]);
  let found = await sha([0], whole(record.offset, 8), whole(record.joined_ms, 8), bytes(record.nonce));
  for (const sibling of path.map(bytes)) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      found = await sha([1], sibling, found);
      while (at % 2 === 0 && at) up();
    } else found = await sha([1], found, sibling);
    up();
  }
  return last === 0 && hex(found) === root;
}

/** What was checked, and whether it holds: [{ what, ok }]. */
export async function check({ room, lanes, ends, seed, commitment, entropy, lane, offset, turn }) {
  const own = await turnOf({ room, ends, seed, entropy, lane, offset });
  return [
    { what: "commitment", ok: hex(await sha(bytes(seed))) === commitment },
    { what: "lanes", ok: ends.length > 0 && ends.length <= lanes && lane < lanes },
    { what: "turn", ok: own.lane === turn.lane && own.number === turn.number },
  ];
}
