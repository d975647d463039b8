"""Ids: ULIDs, and numbers that look random but follow from the seed and an index."""

from __future__ import annotations

import base64
import hashlib
import re
import typing as t

_EXTENDED_HEX = b"0123456789ABCDEFGHIJKLMNOPQRSTUV"
_CROCKFORD = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHABET = bytes.maketrans(_EXTENDED_HEX, _CROCKFORD)
_DIGITS = str.maketrans(_CROCKFORD.decode(), _EXTENDED_HEX.decode())
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
_MASK = (1 << 64) - 1

T = t.TypeVar("T")


def every(number: int, index: int, nth: int = 0) -> bool:
    """Tell whether an index is the nth, counted from 0, of every so many."""
    return index % number == nth


def ulid(seconds: int, randomness: int) -> str:
    """Build a ULID of a time in unix seconds and up to 80 bits."""
    value = (seconds * 1000 << 80) | (randomness & ((1 << 80) - 1))
    return base64.b32hexencode(value.to_bytes(20, "big")).translate(_ALPHABET)[6:].decode()


def is_ulid(value: object) -> bool:
    """Tell whether a value is a ULID in its 26-character form."""
    return isinstance(value, str) and _ULID.fullmatch(value) is not None


def indexed_ulid(seconds: int, noise: int, index: int) -> str:
    """Build a ULID that carries an index under 2**40 in its last eight characters."""
    return ulid(seconds, (noise << 40) | index)


def index_of_ulid(text: object) -> int | None:
    """Return what the last eight characters of a ULID carry, or None."""
    if not is_ulid(text):
        return None
    return int(str(text)[-8:].upper().translate(_DIGITS), 32)


class Noise:
    """A number for every index, the same for the same seed and name (SplitMix64's finaliser).

    A generator object per row would cost ten times as much, and rows are made on demand.
    """

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
        self._salt = int.from_bytes(digest, "big")

    def __call__(self, index: int) -> int:
        """Return 64 bits for an index."""
        value = (self._salt + index * 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        return value ^ (value >> 31)


def pick(choices: t.Sequence[T], bits: int) -> T:
    """Choose one of several by a number of any size."""
    return choices[bits % len(choices)]
