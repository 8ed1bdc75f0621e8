"""Reading an export package back, as its receiver would."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from typing import Any

from compliance import packages
from compliance.formats.csv import original


def read(export: Any) -> dict[str, bytes]:
    """The files of the package by name."""
    with zipfile.ZipFile(packages.package_of(export.pk)) as package:
        assert package.testzip() is None
        return {name: package.read(name) for name in package.namelist()}


def documents(export: Any) -> list[dict[str, Any]]:
    """messages.jsonl."""
    return [json.loads(line) for line in read(export)["messages.jsonl"].splitlines()]


def rows(content: bytes) -> list[dict[str, str]]:
    """A CSV file of the package, with the apostrophes taken off again."""
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    return [
        {column: original(cell) for column, cell in row.items()}
        for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
