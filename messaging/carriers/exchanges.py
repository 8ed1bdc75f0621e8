"""What was said between us and a carrier, as far as support may read it.

    with recording() as exchanges:
        await carrier.send(text, wire)

`exchanges` then lists what went over the wire meanwhile, whether `send` returned or raised. A task has its own
recording: contexts are copied when a task is made, so of texts that travel at once each finds its own.

What must never happen: something of a text's body, or a whole phone number, gets into an exchange. So nothing of a
request is kept but its method and path. Of an answer the adapter names the few fields that are (`Kept`), and even
those are looked through: what has a stretch in common with the body, or stands in quotation marks, is left out, and
of a number the last two digits stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import orjson

LONGEST_RESPONSE: Final = 300
STRETCH: Final = 6
"""As many letters in a row that are the body's are taken for a piece of it."""
DEEPEST: Final = 4
MOST_ENTRIES: Final = 5

_QUOTED: Final = re.compile(r"""(["“«]).*?(["”»]|$)|(?<!\w)['‘].*?(['’](?!\w)|$)""", re.DOTALL)
_NUMBER: Final = re.compile(r"\+?\d(?:[\s().\-–]{0,3}\d){5,}")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", re.ASCII)
GONE: Final = "…"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it. `status` is 0 where there was no answer; `response` then names the error."""

    method: str
    target: str
    status: int
    milliseconds: int
    response: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What may be kept of a JSON answer, by field name at any depth, and the body that none of it may repeat."""

    identifiers: frozenset[str] = frozenset()
    sentences: frozenset[str] = frozenset()
    body: str = ""


NOTHING: Final = Kept()
_recorded: ContextVar[list[Exchange] | None] = ContextVar("exchanges", default=None)


@contextmanager
def recording() -> Iterator[list[Exchange]]:
    """Collect the exchanges of this block, in this task."""
    exchanges: list[Exchange] = []
    token = _recorded.set(exchanges)
    try:
        yield exchanges
    finally:
        _recorded.reset(token)


def is_recorded() -> bool:
    """Whether anybody wants to know: redaction costs nothing when nobody does."""
    return _recorded.get() is not None


def note(exchange: Exchange) -> None:
    """Add an exchange to the recording, if there is one."""
    exchanges = _recorded.get()
    if exchanges is not None:
        exchanges.append(exchange)


def parsed(answer: bytes) -> Any:
    """What JSON says, None where it is none. Half of a surrogate pair is no reason to believe nothing of the rest."""
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def printable(said: str) -> str:
    """Without control characters, halves of surrogate pairs and the like, which no database or page takes well."""
    return "".join(filter(str.isprintable, said))


def redacted(answer: bytes, kept: Kept) -> str:
    """The kept fields of a JSON answer as `name: value` in a line; its size only, where it is no JSON."""
    found = parsed(answer)
    if found is None:
        return f"{len(answer)} bytes, no JSON"
    told = [f"{name}: {value}" for name, value in _fields(found, kept, DEEPEST)]
    return ", ".join(told)[:LONGEST_RESPONSE]


def _fields(found: Any, kept: Kept, depth: int) -> Iterator[tuple[str, str]]:
    if depth and isinstance(found, list):
        for entry in found[:MOST_ENTRIES]:
            yield from _fields(entry, kept, depth - 1)
    elif depth and isinstance(found, Mapping):
        for name, value in found.items():
            if name in kept.identifiers or name in kept.sentences:
                told = _told(value, kept, is_sentence=name in kept.sentences)
                if told:
                    yield name, told
            else:
                yield from _fields(value, kept, depth - 1)


def _told(value: Any, kept: Kept, *, is_sentence: bool) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if is_sentence:
        return without_content(str(value), kept.body)
    word = str(value)
    if not _IDENTIFIER.fullmatch(word) or any(_repeated(word, kept.body)):
        return GONE
    return GONE + word[-2:] if _NUMBER.fullmatch(word) else word


def without_content(sentence: str, body: str) -> str:
    """A carrier's sentence without what it quotes, without stretches of the body, and with numbers masked."""
    hidden = [False] * len(sentence)
    for quoted in _QUOTED.finditer(sentence):
        _hide(hidden, *quoted.span())
    for number in _NUMBER.finditer(sentence):
        _hide(hidden, number.start(), number.end() - 2)
    for start, end in _repeated(sentence, body):
        _hide(hidden, start, end)
    shown = "".join(GONE if hide else letter for hide, letter in zip(hidden, sentence, strict=True))
    return printable(" ".join(re.sub(f"{GONE}+", GONE, shown).split()))


def _hide(hidden: list[bool], start: int, end: int) -> None:
    hidden[start:end] = [True] * (end - start)


def _repeated(told: str, body: str) -> Iterator[tuple[int, int]]:
    """Where `told` repeats STRETCH letters of the body, in any case; of a shorter body, all of it."""
    secret = body.strip().casefold()
    length = min(STRETCH, len(secret))
    for start in range(len(told)) if length else ():
        stretch = told[start : start + length].casefold()
        if len(stretch) >= length and stretch in secret:
            yield start, start + length
