"""Tests this verifier with docs/draw-vectors.json."""

import copy

import beacon
import construction as c
from transcript import Transcript


def check_draw(vector):
    seed, ends = bytes.fromhex(vector["seed"]), vector["ends"]
    assert c.sha256(seed).hex() == vector["commitment"], "commitment"
    entropy = c.entropy_bytes(vector["entropy"])
    assert entropy.hex() == vector["entropy_bytes"], "entropy"
    key = c.key(vector["room"], ends, seed, entropy)
    assert key.hex() == vector["key"], "key"
    draw = c.Draw(ends, key)
    for entry in vector["places"]:
        place = entry["place"]["lane"], entry["place"]["offset"]
        turn = entry["turn"]["lane"], entry["turn"]["number"]
        assert draw.index(*place) == entry["index"], f"index of {place}"
        assert draw.position(*place) == entry["position"], f"position of {place}"
        assert draw.turn(*place) == turn, f"turn of {place}"
        assert draw.place(*turn) == place, f"place of {turn}"


def check_shuffle(vector):
    shuffle = c.Shuffle(bytes.fromhex(vector["key"]), vector["count"])
    for index, position in vector["positions"]:
        assert shuffle.position(index) == position, f"position of {index} of {vector['count']}"
        assert shuffle.index(position) == index, f"index of {position} of {vector['count']}"


def check_merkle(vector):
    read = lambda hashes: [bytes.fromhex(text) for text in hashes]
    leaves, roots = read(vector["leaves"]), read(vector["roots"])
    assert [c.leaf(record) for record in vector["records"]] == leaves, "leaves"
    tree = c.Tree()
    for root, leaf in zip(roots, leaves + [None]):
        assert tree.root() == root, f"root over {tree.size}"
        if leaf:
            tree.append(leaf)
    for proof in vector["inclusion"]:
        index, size, path = proof["index"], proof["size"], read(proof["path"])
        assert c.is_included(leaves[index], index, size, path, roots[size]), f"{index} of {size}"
        assert not c.is_included(leaves[index], index, size, path, roots[size - 1]), "another root"
    for proof in vector["consistency"]:
        older, newer, path = proof["older"], proof["newer"], read(proof["path"])
        assert c.is_consistent(older, roots[older], newer, roots[newer], path), f"{older} to {newer}"
        assert not c.is_consistent(older, roots[older - 1], newer, roots[newer], path), "another root"


def changed(document, pointer, value):
    document = copy.deepcopy(document)
    *parents, last = pointer.split("/")[1:]
    at = document
    step = lambda name: int(name) if isinstance(at, list) else name
    for name in parents:
        at = at[step(name)]
    at[step(last)] = value
    return document


def check_fault(transcript, fault):
    if fault["needs_bls"] and not beacon.CAN_CHECK:
        return
    found, _ = Transcript(changed(transcript, fault["at"], fault["value"])).check()
    assert found.names() == fault["findings"], f"{fault['at']}: {found.names()}, not {fault['findings']}"


def run(vectors):
    """Prints how many vectors hold and how many do not; 1 where some do not."""
    transcript = vectors["transcript"]
    sound = {"at": "/version", "value": transcript["version"], "findings": [], "needs_bls": False}
    checks = [(check_draw, vector) for vector in vectors["draws"]]
    checks += [(check_shuffle, vector) for vector in vectors["shuffles"]]
    checks += [(check_merkle, vectors["merkle"])]
    checks += [(lambda fault: check_fault(transcript, fault), fault) for fault in [sound, *vectors["faults"]]]
    failed = 0
    for check, vector in checks:
        try:
            check(vector)
        except AssertionError as error:
            failed += 1
            print(f"failed: {error}")
    if not beacon.CAN_CHECK:
        print("note: drand's signatures were not checked here: py_ecc is not installed")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0
