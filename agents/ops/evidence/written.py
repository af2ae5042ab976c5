"""The figures of a text: numbers with their units, and times of day. Names, versions, handles, numbers of a list and
citations are none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from agents.ops.evidence.amounts import PLAIN, WRITTEN, Unit, readings

_UNITS = "|".join(sorted((re.escape(name) for name in WRITTEN), key=len, reverse=True))
_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,8}(?:\.\d{1,9})?|\d{1,24}(?:\.\d{1,9})?)"
_FIGURE = re.compile(
    rf"(?<![\w.,:/-])(?P<near>(?:about|around|roughly|nearly|almost|some|ca\.?|over|under)\s+|[~≈])?"
    rf"[×x]?(?P<number>{_NUMBER})(?:[\s-]?(?P<unit>{_UNITS})(?![\w/]))?(?![\w]|[.,:]\d)"
    rf"(?:\s+(?P<noun>[a-z]+))?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<![\w.:/-])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\w:])")
_NO_FIGURE = re.compile(
    r"https?://\S+"
    r"|\[\d{1,4}(?:\s*[,–-]\s*\d{1,4})*\]"  # citations
    r"|^\s*(?:\d{1,3}[.)]|#{1,6}\s*\d{1,3}[.)]?)(?=\s)"  # numbers of a list or a heading
    r"|\b(?:step|phase|option|item|point|rule|priority|section|no\.|#)\s*\d{1,3}\b"
    r"|\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?\b"
    r"|\b(?=\w*[a-f])(?=\w*\d)[0-9a-f]{6,64}\b"  # handles, digests
    r"|\bv?\d+\.\d+\.\d+[\w.-]*"  # versions
    r"|\b[1-5]xx\b|\b24/7\b"
    r"|(?![×x]\d)[A-Za-z_]\w*(?:[-./:@_]\w+)*",  # words and names; those of them with a digit are blanked
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(r"`([^`\n]+)`")
_RANGE = re.compile(r"(?<=\d)(\s?)(->|→|–|—|-)(\s?)(?=\d)")
_JOINED = re.compile(r"\s*(?:to|and|or|through|of|,)?\s*", re.IGNORECASE)
"""What may stand between two figures of one unit that is written once: `180 to 940 ms`, `4 -> 6 cores`."""
_COUNTED = re.compile(
    r"(replica|pod|restart|node|workload|container|alert|change|event|kill|instance|deployment|time|retr|revision)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A figure at `start` to `end` of the text. `number` has `places` decimals; `units` is what its unit can mean,
    none where it has none. `counted`: it counts things by name. `near`: it is said to be about so much. `clock` is a
    time of day, and then the number means nothing."""

    start: int
    end: int
    number: Fraction
    places: int
    units: tuple[Unit, ...]
    counted: bool = False
    near: bool = False
    clock: str = ""


def figures(text: str) -> list[Written]:
    """The figures of `text`, in order."""
    plain = _blanked(text)
    clocks = [Written(m.start(), m.end(), Fraction(0), 0, (), clock=m[0]) for m in _CLOCK.finditer(plain)]
    plain = _CLOCK.sub(lambda m: " " * len(m[0]), plain)
    return sorted([*clocks, *_of_one_unit(plain, list(_numbers(plain)))], key=lambda one: one.start)


def _of_one_unit(plain: str, found: list[Written]) -> Iterator[Written]:
    """Of two that are joined the first has the unit of the second, where it has none of its own."""
    behind: Written | None = None
    for one in reversed(found):
        if behind and not one.units and _JOINED.fullmatch(plain[one.end : behind.start]):
            one = replace(one, units=behind.units, counted=behind.counted)
        yield one
        behind = one


def _numbers(plain: str) -> Iterator[Written]:
    at = 0
    while found := _FIGURE.search(plain, at):
        at = found.end("unit") if found["unit"] else found.end("number")
        number = found["number"].replace(",", "")
        counted = bool(found["noun"] and _COUNTED.match(found["noun"]))
        yield Written(
            found.start("number"), at, Fraction(number), len(number.partition(".")[2]),
            readings(found["unit"] or ""), counted, bool(found["near"]),
        )  # fmt: skip


def _blanked(text: str) -> str:
    """The text at its length, without what is no figure."""

    def code(found: re.Match[str]) -> str:
        inner = found[1].strip()
        keep = _FIGURE.fullmatch(inner) or re.fullmatch(rf"{_NUMBER}\s?(?:->|→|-|–)\s?{_NUMBER}", inner)
        return f" {found[1]} " if keep else " " * len(found[0])

    def name(found: re.Match[str]) -> str:
        word = found[0]
        lettered = word[0].isalpha() or word[0] == "_"
        return word if lettered and not any(c.isdigit() for c in word) else " " * len(word)

    plain = _NO_FIGURE.sub(name, _CODE.sub(code, text))
    return _RANGE.sub(lambda m: " " * len(m[0]), plain)


def amounts_of(one: Written) -> tuple[Unit, ...]:
    """The units that a figure is looked for in."""
    return one.units or (PLAIN,)
