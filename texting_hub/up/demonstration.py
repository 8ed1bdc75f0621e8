"""What the demonstration keeps between runs, in DATA/demonstration.json (0600): its password, the simulator's secrets
(two as a carrier, two as a registry), and what `seed_demo` answered: the sign-ins and the carrier account's id."""

from __future__ import annotations

import secrets
from typing import Any

from texting_hub.up.folder import DataFolder, read_private, write_private

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letter that is read as another."""


def make_password() -> str:
    """Four groups of four letters: 79 bits, easy to type from a terminal."""
    return "-".join("".join(secrets.choice(_LETTERS) for _letter in range(4)) for _group in range(4))


def kept(folder: DataFolder) -> dict[str, Any]:
    """The secrets of this copy's demonstration, made when they are first asked for."""
    content = read_private(folder.demonstration_file)
    made = {
        "password": content.get("password") or make_password(),
        "api_key": content.get("api_key") or secrets.token_urlsafe(32),
        "webhook_secret": content.get("webhook_secret") or secrets.token_urlsafe(32),
        "registry_key": content.get("registry_key") or secrets.token_urlsafe(32),
        "registry_secret": content.get("registry_secret") or secrets.token_urlsafe(32),
    }
    if {**content, **made} != content:
        content = {**content, **made}
        write_private(folder.demonstration_file, content)
    return content


def sign_ins(folder: DataFolder) -> list[dict[str, str]]:
    """One for each role: role (a code), title (in words), name, email, password."""
    content = kept(folder)
    return [{**entry, "password": content["password"]} for entry in content.get("sign_ins", [])]


def remember_seeding(folder: DataFolder, seeded_for: str, answer: dict[str, Any]) -> None:
    """`seeded_for` names the database and the address of the simulator that were seeded."""
    content = read_private(folder.demonstration_file)
    write_private(folder.demonstration_file, {**content, "seeded_for": seeded_for, **answer})
