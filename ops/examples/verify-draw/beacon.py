"""drand's quicknet, from docs/draw.md. Signatures are checked where py_ecc is installed (`pip install py_ecc`)."""

import hashlib
from datetime import datetime, timedelta, timezone

CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
PUBLIC_KEY = bytes.fromhex(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
GENESIS = datetime.fromtimestamp(1_692_803_367, timezone.utc)
PERIOD = timedelta(seconds=3)
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

try:
    from py_ecc.bls.g2_primitives import subgroup_check
    from py_ecc.bls.hash_to_curve import hash_to_G1
    from py_ecc.bls.point_compression import decompress_G1, decompress_G2
    from py_ecc.optimized_bls12_381 import FQ12, G2, is_inf, neg, pairing
except ImportError:
    pairing = None

CAN_CHECK = pairing is not None


def time(round_number):
    return GENESIS + PERIOD * (round_number - 1)


def first_round_after(at):
    return max(1, (at - GENESIS) // PERIOD + 2)


def holds(round_number, signature):
    """Whether quicknet's key signed the round. Takes some seconds; call it only where CAN_CHECK."""
    number = lambda half: int.from_bytes(half, "big")
    try:
        point = decompress_G1(number(signature))
        key = decompress_G2((number(PUBLIC_KEY[:48]), number(PUBLIC_KEY[48:])))
    except ValueError:
        return False
    if len(signature) != 48 or is_inf(point) or not subgroup_check(point):
        return False
    message = hashlib.sha256(round_number.to_bytes(8, "big")).digest()
    hashed = hash_to_G1(message, DOMAIN, hashlib.sha256)
    return pairing(G2, neg(point)) * pairing(key, hashed) == FQ12.one()
