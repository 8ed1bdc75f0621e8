"""Links to public URL shorteners in a body, however they are dressed up.

A body has hosts: runs of letters, digits, hyphens and dots, after NFKC (full-width and circled letters become plain
ones) and without invisible characters. A host is taken as a whole, so that a shortener's name inside another domain
(notbit.ly.example.com, orbit.lyrics.com), in a link's path or before an @ is none. One pass, linear in the body.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from messaging.shorteners import SHORTENERS
from provisioning.models.choices import fold

MOST_DOTS: Final = 2
"""In the name of a shortener."""

_RUN: Final = re.compile(r"[\w.-]+")
_TAIL: Final = re.compile(r"(?::[0-9]{1,5})?[/?#][^\s<>\"|\\^`{}]*")
_DOTS: Final = str.maketrans({"。": "."})
"""The ideographic full stop, which browsers take for a dot; the other dots are dots after NFKC."""
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u3164\uffa0")
"""Shown as nothing, although Unicode calls them letters or marks."""


def visible(text: str) -> str:
    """The text without characters that are shown as nothing: zero-width ones, soft hyphens, variation selectors."""
    return text if text.isascii() else "".join(character for character in text if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    if character in _FILLERS or "\ufe00" <= character <= "\ufe0f":
        return True
    return unicodedata.category(character) == "Cf"


def shortener_in(body: str) -> str:
    """The shortener that a body links to, as its plain name; "" when there is none."""
    if "." not in body and body.isascii():
        return ""
    for host in _hosts(visible(fold(visible(body))).translate(_DOTS)):
        found = _shortener_of(host)
        if found:
            return found
    return ""


def _hosts(text: str) -> Iterator[str]:
    """Hosts with a dot in them; the path and the query of a link are passed over, and so are e-mail addresses."""
    at = 0
    while run := _RUN.search(text, at):
        at = run.end()
        host = re.split(r"\.{2,}", run[0].strip("._-"))[-1].strip("_-")
        if "." not in host:
            continue
        tail = None if run[0].endswith(".") else _TAIL.match(text, at)
        if tail:
            at = tail.end()
        if text[run.end() : run.end() + 1] != "@" and (tail or not _is_of_an_address(text, run.start())):
            yield host


def _is_of_an_address(text: str, start: int) -> bool:
    """ann@bit.ly is an e-mail address; https://ann@bit.ly is a link."""
    return text[start - 1 : start] == "@" and "://" not in text[:start].rsplit(None, 1)[-1]


def _shortener_of(host: str) -> str:
    """The listed domain that the host is or lies under."""
    labels = [_decoded(label) for label in host.rsplit(".", MOST_DOTS + 1)[-MOST_DOTS - 1 :]]
    for first in range(len(labels) - 1):
        domain = ".".join(labels[first:])
        if domain in SHORTENERS:
            return domain
    return ""


def _decoded(label: str) -> str:
    """A label out of punycode (RFC 3492), folded as a browser folds it; what is no punycode stays as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return visible(fold(label[4:].encode("ascii").decode("punycode")))
    except (UnicodeError, OverflowError):
        return label
