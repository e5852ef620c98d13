"""Seen: which strings came before, in a few bytes each."""

from __future__ import annotations

import hashlib
from array import array


class Seen:
    """Strings seen, as 64-bit hashes in a table with open addressing: 12 to 24 bytes each, where a set takes about 80.

    A million strings have a chance of 3 in 100 million that one is wrongly taken for another.
    """

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, value: str) -> bool:
        """False if it was there already."""
        if 3 * self._count >= 2 * len(self._table):
            self._grow()
        hashed = _hash(value)
        place = self._place(hashed)
        if self._table[place]:
            return False
        self._table[place] = hashed
        self._count += 1
        return True

    def _place(self, hashed: int) -> int:
        table, mask = self._table, len(self._table) - 1
        place = hashed & mask
        while table[place] not in (0, hashed):
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        before = self._table
        self._table = array("Q", bytes(2 * 8 * len(before)))
        for hashed in filter(None, before):
            self._table[self._place(hashed)] = hashed


def _hash(value: str) -> int:
    """Never 0, which marks a free place."""
    digest = hashlib.blake2b(value.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1
