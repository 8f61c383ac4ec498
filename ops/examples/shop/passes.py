"""Verifies Fairgate's admission passes (PASETO v4.public) offline, with the keys published at /.well-known/paseto-keys."""

import base64
import json
import struct
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class PassRefused(Exception):
    """A pass that is not good here."""


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pae(*pieces):
    """PASETO's pre-authentication encoding: no two lists of pieces give the same bytes."""
    return struct.pack("<Q", len(pieces)) + b"".join(struct.pack("<Q", len(piece)) + piece for piece in pieces)


class Passes:
    """Verifies admission passes (PASETO v4.public) with the published keys alone: no call per pass."""

    HEADER = "v4.public."

    def __init__(self, published, issuer="fairgate", audience="fairgate-checkout"):
        self.issuer, self.audience = issuer, audience
        read = lambda key: Ed25519PublicKey.from_public_bytes(unb64(key.removeprefix("k4.public.")))
        self.keys = {entry["kid"]: read(entry["key"]) for entry in published}

    def verify(self, token, show, now=None):
        """The pass's claims, where it was signed by a published key, is for this show and is not over."""
        now = now or datetime.now(timezone.utc)
        try:
            if len(token) > 4096 or not token.startswith(self.HEADER):
                raise PassRefused("that is no pass")
            payload, footer = token[len(self.HEADER):].split(".")
            payload, footer = unb64(payload), unb64(footer)
            message, signature = payload[:-64], payload[-64:]
            key = self.keys.get(json.loads(footer)["kid"])
            if key is None:
                raise PassRefused("it was signed under a key that is not published")
            # The last piece is the implicit assertion, which passes do not have.
            key.verify(signature, pae(self.HEADER.encode(), message, footer, b""))
            claims = json.loads(message)
            if (claims["iss"], claims["aud"]) != (self.issuer, self.audience) or claims["jti"] != claims["place"]:
                raise PassRefused("it is another Fairgate's, or for something else")
            if claims["show"] != show:
                raise PassRefused("it is for another show")
            if datetime.fromisoformat(claims["exp"]) <= now:
                raise PassRefused("it is over")
            if "nbf" in claims and datetime.fromisoformat(claims["nbf"]) > now:
                raise PassRefused("it is not good yet")
            return claims
        except InvalidSignature:
            raise PassRefused("its signature does not hold") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PassRefused("it cannot be read") from None
