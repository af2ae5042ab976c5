"""A model's answer about a batch, read strictly: it chooses among what was offered and cites figures that it was
given, or it says nothing."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.advice.offer import MOST_WORKLOADS, Offer
from agents.errors import ReplyMalformed
from agents.models.types import Reply

MOST_TEXT = 300
"""Characters of one explanation."""
_MOST_REPLY = 16_384
"""Characters of the whole answer."""
_NUMBER = re.compile(r"(?<![\w.,+-])[0-9]+(?:\.[0-9]+)?(?!\w|[.,][0-9])", re.ASCII)
_NUMBER_WORD = re.compile(
    r"\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundreds?|thousands?|[mb]illions?|dozens?|half|hal[fv]e[sd]|thirds?|quarters?|once|twice"
    r"|thrice|doubl(e[sd]?|ing)|tripl(e[sd]?|ing)|\w+fold)\b",
    re.IGNORECASE,
)
"""Numbers that are not written in digits; what is too much here costs a sentence, no more."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Answer(_Strict):
    """About one workload: which of its candidates, and why in a sentence or two."""

    workload: int
    candidate: int
    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]


class _Answers(_Strict):
    answers: Annotated[list[Answer], Field(max_length=MOST_WORKLOADS)]


def answers(reply: Reply, offered: Sequence[Offer]) -> dict[int, Answer]:
    """The answers by the workload's place, without those whose text cites what was not given.

    Raises ReplyMalformed for anything but JSON of that shape about what was offered: then none of it is used.
    """
    if reply.end != "whole" or reply.calls or len(reply.text) > _MOST_REPLY:
        raise ReplyMalformed("the model's advice is cut off, too long, or a tool call")
    by_place = {offer.place: offer for offer in offered}
    found = _parsed(reply.text)
    if len({one.workload for one in found}) < len(found):
        raise ReplyMalformed("the model's advice speaks of a workload twice")
    for one in found:
        offer = by_place.get(one.workload)
        if offer is None or not 0 <= one.candidate < len(offer.proposals):
            raise ReplyMalformed("the model's advice is about something that was not offered")
    return {one.workload: one for one in found if cites(one.text, by_place[one.workload].figures)}


def cites(text: str, figures: frozenset[Decimal]) -> bool:
    """Whether every number of the text is one of `figures`, in digits; and the text is one that can be shown."""
    if not text.isprintable() or any(c.isnumeric() and not c.isascii() for c in text):
        return False
    if _NUMBER_WORD.search(text):
        return False
    left = _NUMBER.sub(lambda number: "" if Decimal(number[0]) in figures else number[0], text)
    return bool(text.strip()) and not any(c.isdigit() for c in left)


def _parsed(text: str) -> list[Answer]:
    """Many models put JSON into a fence of Markdown, whatever they are told."""
    body = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        return _Answers.model_validate_json(body).answers
    except ValidationError as e:
        raise ReplyMalformed("the model's advice is not the JSON that was asked for") from e
