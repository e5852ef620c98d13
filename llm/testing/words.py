"""Words of a text as the stand-in model sees them: crude stems, the frequent ones, and hashes that never change."""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 3
_SHORTEST_TOPIC = 4
_SUFFIXES = ("ings", "ing", "edly", "ed", "es", "s")
_TELLS_NOTHING = """
about above after again against all also always and another any anyone anything are around asks away back because been
before being below between both but came can cannot come could did does doing done down during each either else enough
even ever every everyone for from get gets getting give given goes going gone got had half has have having her here
him his how however into its itself just keep know last least less let like made make many may maybe might more most
much must never next nobody none not nothing now off often once one only onto other others our out over own perhaps
please put quite rather really said same say says see seem seen shall she should since some someone something soon
still such take taken tell tells than thank thanks that the their them then there these they thing things this those
though three through time too took toward towards two under until upon used using very want wanted was way well went
were what when where whether which while who whole whom whose why will with within without would yes yet you your
yours fits fit
"""
_STOP = frozenset(_TELLS_NOTHING.split())


@functools.lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The lower-cased word without its commonest English endings; empty for a word that tells nothing."""
    if word in _STOP or (len(word) < _SHORTEST and word.isascii()):
        return ""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST and not word.endswith("ss"):
            word = word.removesuffix(suffix)
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > _SHORTEST else word


def stems(text: str) -> set[str]:
    """Stems of the words that tell something."""
    found = set(map(stem, _WORD.findall(text.lower())))
    found.discard("")
    return found


@functools.lru_cache(maxsize=1 << 12)
def stems_of_name(name: str) -> frozenset[str]:
    """`stems`, remembered: the same few names are compared with every document."""
    return frozenset(stems(name))


def frequent_words(texts: Sequence[str]) -> list[str]:
    """Words of at least four letters, one a stem, those of the most texts first, then by first occurrence."""
    spread: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for text in texts:
        words = {stem(word): word for word in reversed(_WORD.findall(text.lower())) if len(word) >= _SHORTEST_TOPIC}
        words.pop("", None)
        for found in reversed(words):
            shown.setdefault(found, words[found])
        spread.update(words.keys())
    places = {found: place for place, found in enumerate(shown)}
    return [shown[found] for found in sorted(shown, key=lambda found: (-spread[found], places[found]))]


def stable_number(*parts: str) -> int:
    """64 bits that depend on the parts alone: the same in every process and on every machine."""
    joined = "\0".join(parts).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big")


def stable_share(*parts: str) -> float:
    """A number in [0, 1) out of the parts."""
    return stable_number(*parts) / 2**64
