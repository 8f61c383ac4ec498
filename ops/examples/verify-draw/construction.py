"""The draw's construction, from docs/draw.md: key, positions, turns, Merkle trees. Python's standard library alone."""

import hashlib
import hmac

ROUNDS = 90
COHORT_MAX = 2**40
LANES_MAX = 65_536


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u64(number):
    return number.to_bytes(8, "big")


def entropy_bytes(entropy):
    """What is mixed in, by its source."""
    source = entropy["source"]
    if source == "none":
        return b""
    if source == "operator":
        return entropy["text"].encode()
    if source == "drand":
        return sha256(bytes.fromhex(entropy["signature"]))
    raise ValueError(f"entropy of an unknown source: {source}")


def key(room, ends, seed, entropy):
    """HKDF-SHA256 with 32 bytes, which is one block."""
    name = room.encode()
    info = b"fairgate/draw/v1" + len(name).to_bytes(2, "big") + name + len(ends).to_bytes(4, "big")
    info += b"".join(u64(end) for end in ends)
    extracted = hmac.new(sha256(entropy), seed, "sha256").digest()
    return hmac.new(extracted, info + b"\x01", "sha256").digest()


class Shuffle:
    """The swap-or-not shuffle of [0, count)."""

    def __init__(self, key, count):
        self.key, self.count = key, count
        pivot = lambda r: int.from_bytes(sha256(key, bytes([r]))[:8], "little") % count
        self.pivots = [pivot(r) for r in range(ROUNDS)] if count else []

    def walk(self, at, rounds):
        for r in rounds:
            flip = (self.pivots[r] + self.count - at) % self.count
            position = max(at, flip)
            source = sha256(self.key, bytes([r]), (position // 256).to_bytes(4, "little"))
            if source[position % 256 // 8] >> (position % 8) & 1:
                at = flip
        return at

    def position(self, index):
        return self.walk(index, range(ROUNDS))

    def index(self, position):
        return self.walk(position, reversed(range(ROUNDS)))


class Draw:
    """Places and turns, both (lane, number)."""

    def __init__(self, ends, key=None):
        self.ends, self.size, self.lanes = ends, sum(ends), len(ends)
        self.shuffle = Shuffle(key, self.size) if key else None

    def end(self, lane):
        return self.ends[lane] if lane < self.lanes else 0

    def drawn(self, lane):
        """How many turns of a lane were drawn."""
        return self.size // self.lanes + (lane < self.size % self.lanes) if lane < self.lanes else 0

    def index(self, lane, offset):
        return sum(self.ends[:lane]) + offset if offset < self.end(lane) else None

    def position(self, lane, offset):
        index = self.index(lane, offset)
        return None if index is None else self.shuffle.position(index)

    def turn(self, lane, offset):
        position = self.position(lane, offset)
        if position is None:
            return lane, self.drawn(lane) + offset - self.end(lane)
        return position % self.lanes, position // self.lanes

    def place(self, lane, number):
        """The way back from a turn."""
        if number >= self.drawn(lane):
            return lane, self.end(lane) + number - self.drawn(lane)
        index = self.shuffle.index(number * self.lanes + lane)
        for at, end in enumerate(self.ends):
            if index < end:
                return at, index
            index -= end

    def turns(self, lane, places):
        return self.drawn(lane) + max(0, places - self.end(lane))


def leaf(record):
    return sha256(b"\x00", u64(record["offset"]), u64(record["joined_ms"]), bytes.fromhex(record["nonce"]))


def node(left, right):
    return sha256(b"\x01", left, right)


class Tree:
    """RFC 9162's tree, growing: the roots of its full subtrees, the largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        size, at = self.size, leaf
        while size & 1:
            at = node(self.peaks.pop(), at)
            size >>= 1
        self.peaks.append(at)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


def is_included(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(older, older_root, newer, newer_root, path):
    """RFC 9162, 2.1.4.2; sizes that are equal need no proof."""
    if older == 0 or older == newer:
        return not path and (older == 0 or older_root == newer_root)
    if older > newer:
        return False
    path = ([older_root] if older & (older - 1) == 0 else []) + path
    if not path:
        return False
    at, last = older - 1, newer - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node(hash_, was), node(hash_, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node(now, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and was == older_root and now == newer_root
