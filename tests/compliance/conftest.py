"""A folder for exports, and changes to record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioning.changes import Actor, Change
from provisioning.models import Organization, User
from tests import factories
from tests.compliance.audit_rows import told


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


@pytest.fixture
def people(organization: Organization) -> SimpleNamespace:
    """Administrators with names; nobody has signed in yet."""

    def person(first: str, last: str, role: str) -> User:
        email = f"{first}.{last}@northwind.example".lower()
        made = factories.UserFactory(
            organization=organization, location=None, first_name=first, last_name=last, email=email
        )
        return factories.with_role(made, role)

    return SimpleNamespace(
        maya=person("Maya", "Okafor", "full_admin"),
        teodor=person("Teodor", "Vance", "read_only_admin"),
        ingrid=person("Ingrid", "Solberg", "compliance_officer"),
    )


@pytest.fixture
def several(change: Any, organization: Organization, other_organization: Organization, people: SimpleNamespace) -> None:
    told(change, organization, people.maya, target_label="By Maya")
    told(change, organization, people.teodor, target_label="By Teodor", action="location.changed")
    told(change, organization, None, target_label="By the system", action="task.finished")
    told(change, organization, people.ingrid, target_label="A look", action="messages.read", content_access=True)
    told(change, organization, people.ingrid, target_label="An export", action="export.requested", content_access=True)
    told(change, organization, None, target_label="A purge", action="purge.run")
    told(change, other_organization, people.maya, target_label="Elsewhere")
    told(change, None, None, target_label="The platform")
