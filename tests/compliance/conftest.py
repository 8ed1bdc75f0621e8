"""A folder for exports, and changes to record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioning.changes import Actor, Change


@pytest.fixture(autouse=True)
def export_folder(settings: Any, tmp_path: Path) -> Path:
    """Exports of a test are the test's own."""
    settings.EXPORT_DIR = tmp_path / "exports"
    return settings.EXPORT_DIR


@pytest.fixture
def change() -> Any:
    """`change(organization, ...)` is a change that an administrator could have made."""

    def make(organization: Any, **fields: Any) -> Change:
        return Change(**{
            "action": "user.texting_changed",
            "actor": Actor(user_id=None, label="Maya Okafor <maya@northwind.example>", via="portal", ip="192.0.2.7"),
            "organization_id": organization and organization.pk,
            "target_type": "user",
            "target_id": "018f",
            "target_label": "Rosalind Abernathy",
            "before": {"texting_setting": "default"},
            "after": {"texting_setting": "on"},
            **fields,
        })  # fmt: skip

    return make
