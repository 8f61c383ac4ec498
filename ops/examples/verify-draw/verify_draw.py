#!/usr/bin/env python3
"""Checks the transcript of a Fairgate draw. Ends with 1 and the names of what it found where something is wrong."""

import argparse
import base64
import json
import sys
import urllib.request

sys.dont_write_bytecode = True  # An example leaves nothing behind in the repository.

import construction
import vectors
from transcript import Transcript

ANSWER_BYTES_MAX = 1 << 28


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(token):
    """What a token says. Its signature is Ed25519, which Python's standard library has not; passes.py in
    ../shop shows how it is checked."""
    return decoded(token.removeprefix("v4.public.").split(".")[0])[:-64]


def claims(receipt):
    """What a receipt says; None where it was signed with others and does not lead to what was signed."""
    token, *rest = receipt.strip().split("~")
    if not rest:
        return json.loads(signed(token))
    said, path = map(decoded, rest)
    batch = json.loads(signed(token))
    index, steps = int.from_bytes(path[:4], "big"), [path[at : at + 32] for at in range(4, len(path), 32)]
    leaf, root = construction.sha256(b"\0" + said), bytes.fromhex(batch["root"])
    return json.loads(said) if construction.is_included(leaf, index, batch["size"], steps, root) else None


def pair(text):
    left, right = text.split(".")
    return int(left), int(right)


def read(source):
    if source == "-":
        return json.load(sys.stdin)
    if source.startswith(("http://", "https://")):
        with urllib.request.urlopen(source, timeout=30) as answer:
            return json.loads(answer.read(ANSWER_BYTES_MAX))
    with open(source, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transcript", nargs="?", help="a file, an address, or - for standard input")
    parser.add_argument("--place", metavar="LANE.OFFSET", type=pair, help="print the turn of a place")
    parser.add_argument("--turn", metavar="LANE.NUMBER", type=pair, help="the turn that --place was told")
    parser.add_argument("--receipt", metavar="FILE", help="a receipt, as the join's answer had it")
    parser.add_argument("--proof", metavar="FILE", help="the proof of the receipt's record, as JSON")
    parser.add_argument("--records", metavar="FILE", help="records, a line of JSON each, with their lane")
    parser.add_argument("--vectors", metavar="FILE", help="test this verifier with docs/draw-vectors.json")
    args = parser.parse_args()
    if args.vectors:
        return vectors.run(read(args.vectors))
    if not args.transcript:
        parser.error("which transcript?")
    transcript = Transcript(read(args.transcript))
    found, skipped = transcript.check()
    if args.place and not {"version_unknown", "cohort_invalid"} & set(found.names()):
        turn = transcript.drawn().turn(*args.place)
        print("place {}.{} has turn {}.{}".format(*args.place, *turn))
        found.add(args.turn not in (None, turn), "turn_differs", "the place was told another turn")
    if args.receipt:
        skipped.append("the receipt's signature was not checked here")
        with open(args.receipt, encoding="utf-8") as file:
            receipt = claims(file.read())
        if receipt is None:
            found.add(True, "receipt_invalid", "its path does not lead to the root that was signed")
        else:
            transcript.check_receipt(found, receipt, args.proof and read(args.proof))
    if args.records:
        with open(args.records, encoding="utf-8") as file:
            transcript.check_records(found, [json.loads(line) for line in file])
    for sentence in skipped:
        print(f"note: {sentence}")
    for name, sentence in found:
        print(f"{name}: {sentence}")
    print("something is wrong" if found else "nothing is wrong")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        print(f"this cannot be read: {error!r}", file=sys.stderr)
        sys.exit(2)
