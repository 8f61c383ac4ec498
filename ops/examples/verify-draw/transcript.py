"""What a draw's transcript says and what can be wrong with it, from docs/draw.md."""

import re
from datetime import datetime, timedelta, timezone

import beacon
import construction as c

VERSION = 1
CLOCKS_APART = timedelta(seconds=5)
TEXT_BYTES_MAX = 1024


def time(text):
    """An RFC 3339 time; fractions beyond microseconds are cut off, which Pythons before 3.11 need."""
    day, fraction, zone = re.fullmatch(r"(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text).groups()
    micros = (fraction or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{day}.{micros}{'+00:00' if zone == 'Z' else zone}")


def ms(record):
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=record["joined_ms"])


def is_surely_before(earlier, later):
    return later - earlier > CLOCKS_APART


class Findings(list):
    """What is wrong: (name, sentence)."""

    def add(self, wrong, name, sentence):
        if wrong:
            self.append((name, sentence))

    def names(self):
        return sorted({name for name, _ in self})


class Transcript:
    def __init__(self, document):
        self.all, self.lanes, self.draw = document, document["lanes"], document["draw"]
        self.opened_at = time(document["opened_at"])

    def drawn(self):
        """The draw; ValueError where there is none."""
        lanes = len(self.draw["ends"]) if self.draw else self.lanes
        ends = self.draw["ends"] if self.draw else [0] * min(lanes, c.LANES_MAX)
        if not 1 <= lanes <= c.LANES_MAX or sum(ends) > c.COHORT_MAX:
            raise ValueError("the cohort has too few or too many lanes or fans")
        if not self.draw:
            return c.Draw(ends)
        entropy = c.entropy_bytes(self.draw["entropy"])
        return c.Draw(ends, c.key(self.all["room"], ends, bytes.fromhex(self.draw["seed"]), entropy))

    def all_roots(self):
        return (self.draw["roots"] if self.draw else []) + self.all["roots"]

    def roots_of(self, lane):
        return [root for root in self.all_roots() if root["lane"] == lane]

    def check(self):
        """All findings, and what was not checked here."""
        found, skipped = Findings(), []
        if self.all["version"] != VERSION:
            found.add(True, "version_unknown", f"version {self.all['version']} is not known")
            return found, skipped
        is_draw = self.all["method"] == "draw"
        found.add(is_draw != (self.draw is not None), "method_disagrees", "method and draw do not fit")
        if self.draw:
            self.check_seed_and_entropy(found, skipped)
            self.check_times(found)
            self.check_cohort(found)
        self.check_roots(found)
        self.check_heads(found)
        return found, skipped

    def entropy_at(self):
        entropy = self.draw["entropy"]
        if entropy["source"] == "operator":
            return time(entropy["entered_at"])
        if entropy["source"] == "drand" and entropy["chain"] == beacon.CHAIN:
            return beacon.time(entropy["round"])
        return None

    def check_seed_and_entropy(self, found, skipped):
        draw, entropy, frozen_at = self.draw, self.draw["entropy"], time(self.draw["frozen_at"])
        commitment = c.sha256(bytes.fromhex(draw["seed"])).hex()
        found.add(commitment != draw["commitment"], "seed_not_committed", "the seed is not the one committed to")
        announced = entropy["source"] == draw["entropy_source"]
        found.add(not announced, "entropy_not_as_announced", "the entropy's source is not the one announced")
        if entropy["source"] == "operator":
            good = 1 <= len(entropy["text"].encode()) <= TEXT_BYTES_MAX
            found.add(not good, "entropy_invalid", "the operator's text is empty or too long")
        at = self.entropy_at()
        is_early = at is not None and at <= frozen_at
        found.add(is_early, "entropy_too_early", "the entropy was there before entries closed")
        if entropy["source"] == "drand":
            known = entropy["chain"] == beacon.CHAIN
            found.add(not known, "entropy_invalid", "the chain is not quicknet")
            if known:
                expected, taken = beacon.first_round_after(frozen_at), entropy["round"]
                chosen = not is_early and taken != expected
                found.add(chosen, "round_chosen", f"round {taken} was taken where {expected} was to be")
            if known and beacon.CAN_CHECK:
                holds = beacon.holds(entropy["round"], bytes.fromhex(entropy["signature"]))
                found.add(not holds, "entropy_invalid", "the drand round's signature does not hold")
            elif known:
                skipped.append("the drand round's signature was not checked here: py_ecc is not installed")

    def check_times(self, found):
        times = [(name, time(self.draw[name])) for name in ("committed_at", "frozen_at", "drawn_at")]
        times.append(("opened_at", self.opened_at))
        pairs = list(zip(times, times[1:]))
        at = self.entropy_at()
        if at is not None:
            pairs.append((("entropy", at), times[2]))
        for (earlier, before), (later, after) in pairs:
            found.add(after < before, "times_out_of_order", f"{later} is before {earlier}")

    def check_cohort(self, found):
        try:
            self.drawn()
        except ValueError as error:
            found.add(True, "cohort_invalid", str(error))
        ends, frozen_at = self.draw["ends"], time(self.draw["frozen_at"])
        frozen = [(root["lane"], root["size"]) for root in self.draw["roots"]]
        lanes = max(len(ends), len(frozen))
        found.add(lanes > self.lanes, "lane_unknown", f"there is no lane {self.lanes}")
        disagree = frozen != list(enumerate(ends))
        found.add(disagree, "cohort_disagrees", "the cohort's ends and roots disagree")
        for root in self.all["roots"]:
            end = ends[root["lane"]] if root["lane"] < len(ends) else 0
            cut = is_surely_before(time(root["at"]), frozen_at) and root["size"] > end
            found.add(cut, "cohort_cut_short", f"lane {root['lane']} had more records than took part")

    def check_roots(self, found):
        last, known = {}, {}
        for root in self.all["roots"]:
            lane, state = root["lane"], (root["size"], time(root["at"]))
            found.add(lane >= self.lanes, "lane_unknown", f"there is no lane {lane}")
            before = last.get(lane, state)
            back = before[0] > state[0] or before[1] > state[1]
            found.add(back, "root_goes_back", f"a root of lane {lane} is over fewer records than one before")
            last[lane] = state
        for root in self.all_roots():
            lane, size = root["lane"], root["size"]
            same = known.setdefault((lane, size), root["root"]) == root["root"]
            found.add(not same, "roots_differ", f"lane {lane} has two roots over {size} records")

    def check_heads(self, found):
        last, highest = {}, {}
        for entry in self.all["heads"]:
            lane, head, at = entry["lane"], entry["head"], time(entry["at"])
            found.add(lane >= self.lanes, "lane_unknown", f"there is no lane {lane}")
            before = last.get(lane, (0, at))
            back = head < before[0] or at < before[1]
            found.add(back, "head_goes_back", f"the head of lane {lane} went back to {head}")
            early = head > 0 and is_surely_before(at, self.opened_at)
            found.add(early, "head_too_early", f"the head of lane {lane} moved to {head} before the opening")
            last[lane], highest[lane] = (head, at), max(head, highest.get(lane, 0))
        try:
            draw = self.drawn()
        except ValueError:
            return
        for lane, head in highest.items():
            places = max((root["size"] for root in self.roots_of(lane)), default=0)
            beyond = head > draw.turns(lane, places)
            found.add(beyond, "head_beyond", f"the head of lane {lane} is {head}, beyond its turns")

    def check_joined(self, found, lane, record):
        """Whether a record takes part as its time says."""
        if not self.draw:
            return
        ends, joined, place = self.draw["ends"], ms(record), f"{lane}.{record['offset']}"
        committed_at, frozen_at = time(self.draw["committed_at"]), time(self.draw["frozen_at"])
        if lane < len(ends) and record["offset"] < ends[lane]:
            early, late = is_surely_before(joined, committed_at), is_surely_before(frozen_at, joined)
            found.add(early, "joined_before_commitment", f"{place} was joined before the commitment")
            found.add(late, "joined_after_freeze", f"{place} takes part, and was joined after entries closed")
        else:
            out = is_surely_before(joined, frozen_at)
            found.add(out, "left_out_of_cohort", f"{place} does not take part, and was joined before entries closed")

    def check_receipt(self, found, receipt, proof):
        """What contradicts a receipt: published roots, times, and the proved record in its place."""
        lane, offset = receipt["lane"], receipt["offset"]
        if receipt["room"] != self.all["room"]:
            found.add(True, "receipt_of_another_room", "the receipt is of another room")
            return
        for root in self.roots_of(lane):
            beyond = is_surely_before(ms(receipt), time(root["at"])) and root["size"] <= offset
            found.add(beyond, "receipt_beyond_root", f"a later root is over {root['size']} records")
        self.check_joined(found, lane, receipt)
        if proof is None:
            return
        record, size = proof["record"], proof["size"]
        roots = [bytes.fromhex(root["root"]) for root in self.roots_of(lane) if root["size"] == size]
        path = [bytes.fromhex(step) for step in proof["path"]]
        if not roots:
            found.add(True, "root_unknown", f"no root over {size} records was published")
        elif not c.is_included(c.leaf(record), offset, size, path, roots[0]):
            found.add(True, "proof_fails", "the proof does not lead to the published root")
        else:
            same = all(record[name] == receipt[name] for name in ("offset", "joined_ms", "nonce"))
            found.add(not same, "receipt_contradicted", f"another record stands there: {record}")

    def check_records(self, found, records):
        """Recomputes all published roots from records, each with its lane."""
        for lane in sorted({root["lane"] for root in self.all_roots()}):
            roots = sorted(self.roots_of(lane), key=lambda root: root["size"])
            tree, joined = c.Tree(), Findings()
            self.compare(found, lane, roots, tree)
            for record in (record for record in records if record["lane"] == lane):
                if record["offset"] != tree.size:
                    found.add(True, "record_missing", f"lane {lane} has no record {tree.size}")
                    roots = []
                    break
                self.check_joined(joined, lane, record)
                tree.append(c.leaf(record))
                self.compare(found, lane, roots, tree)
            for root in roots[-1:]:
                early = root["size"] > tree.size
                found.add(early, "records_end_early", f"lane {lane} has {tree.size} records, and a root over more")
            found.extend(joined[:1])

    @staticmethod
    def compare(found, lane, roots, tree):
        for root in roots:
            if root["size"] == tree.size:
                changed = bytes.fromhex(root["root"]) != tree.root()
                found.add(changed, "records_changed", f"the records of lane {lane} do not make its root over {tree.size}")
