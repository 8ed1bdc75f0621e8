"""Refusals: an error that has a stable code for machines and a sentence, with what to do, for people."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818  (it is an answer, not an error of ours)
    """Something asked for was refused. `code` is stable, `sentence` is translated plain words.

    `http_status` is what the API and pages answer with; `extra` goes into the problem document.
    """

    http_status = 422

    def __init__(self, code: str, sentence: str, *, http_status: int | None = None, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.extra = extra
        if http_status is not None:
            self.http_status = http_status
