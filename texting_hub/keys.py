"""Secrets of this installation: taken from the environment, or made once and kept in the data folder (mode 0600)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet

FILE_NAME = "secrets.json"
_MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "FIELD_KEYS": lambda: Fernet.generate_key().decode(),
}


def kept_secrets(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Every secret by name. Losing FIELD_KEYS loses carrier credentials; losing SECRET_KEY signs everybody out."""
    if all(given.get(name) for name in _MAKERS):
        return {name: given[name] for name in _MAKERS}
    path = folder / FILE_NAME
    kept = _read(path)
    missing = {name: make() for name, make in _MAKERS.items() if name not in kept}
    if missing:
        kept = _keep(path, {**kept, **missing})
    return {name: given.get(name) or kept[name] for name in _MAKERS}


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}


def _keep(path: Path, values: dict[str, str]) -> dict[str, str]:
    """Write whole or not at all; of two processes that start at once, the first to link its file wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        if path.exists():
            draft.replace(path)
        else:
            os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return _read(path)
