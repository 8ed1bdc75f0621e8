"""What stands around every page: navigation for the pages a person may open, the account, the demonstration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from provisioning import task_notices
from provisioning.models import Role, User
from provisioning.roles import Permission, assignments_of, permissions_of


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    url: str
    icon: str
    current: bool
    news: int = 0
    """Shown beside the label: what this person has not seen yet."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: list[Entry]


def _pages() -> list[tuple[str, str, str, str, Permission]]:
    """Section, label, URL name, icon, permission; in the order shown. Only pages that exist."""
    return [
        ("", _("Overview"), "overview", "home", Permission.VIEW_ORGANIZATION),
        ("", _("Alerts"), "alerts", "bell", Permission.VIEW_ALERTS),
        ("", _("Inbox"), "inbox", "inbox", Permission.USE_INBOX),
        (_("Monitoring"), _("Tasks"), "tasks", "tasks", Permission.VIEW_USERS),
        (_("Monitoring"), _("Audit log"), "admin_audit_log", "file", Permission.VIEW_AUDIT_LOG),
        (_("Management"), _("Users"), "users", "users", Permission.VIEW_USERS),
        (_("Management"), _("Locations"), "locations", "pin", Permission.VIEW_LOCATIONS),
        (_("Management"), _("Administrators"), "administrators", "badge", Permission.VIEW_ROLES),
        (_("Management"), _("Account"), "account", "building", Permission.VIEW_ORGANIZATION),
        (_("Services"), _("Calling"), "service_settings", "phone", Permission.VIEW_ORGANIZATION),
        (_("Services"), _("Content rules"), "content_rules", "eye", Permission.VIEW_ORGANIZATION),
        (_("Services"), _("PSTN & Routing"), "numbers", "route", Permission.VIEW_NUMBERS),
        (_("Services"), _("10DLC registration"), "registration", "flag", Permission.VIEW_REGISTRATION),
        (_("Compliance"), _("Messages"), "retained_messages", "scale", Permission.READ_RETAINED_MESSAGES),
        (_("Provider"), _("Relay"), "operations", "pulse", Permission.OPERATE),
        (_("Provider"), _("Numbers"), "operations_numbers", "phone", Permission.OPERATE),
        (_("Provider"), _("Texts"), "operations_texts", "search", Permission.OPERATE),
        (_("Provider"), _("Customers and set-up"), "admin:index", "building", Permission.OPERATE),
    ]


def sections(user: User, path: str) -> list[Section]:
    """The navigation of one person, with the entry of the page shown marked."""
    granted = permissions_of(user)
    found: dict[str, list[Entry]] = {}
    for title, label, name, icon, permission in _pages():
        if permission in granted and (name not in _WITH_ADDON or _has_addon(user)):
            url = reverse(name)
            news = len(task_notices.unseen(user.pk)) if name == "tasks" else 0
            found.setdefault(title, []).append(Entry(label, url, icon, _is_current(name, url, path), news))
    return [Section(title, entries) for title, entries in found.items()]


def _is_current(name: str, url: str, path: str) -> bool:
    """Whether the page shown is below the entry's first folder; operators' pages share theirs."""
    if name == "operations":
        return path == url or path.startswith(f"{url}accounts/")
    if name.startswith("operations_"):
        return path.startswith(url)
    return path.startswith("/" + url.strip("/").split("/")[0] + "/")


_WITH_ADDON = ("registration",)
"""Pages that come with the Business Texting add-on."""


def _has_addon(user: User) -> bool:
    return user.organization is not None and user.organization.addon_licenses > 0


def role_title(user: User) -> str:
    """The person's roles in words, for the account menu."""
    if user.is_staff:
        return _("Provider operator")
    titles = [str(Role(assignment.role).label) for assignment in assignments_of(user)]
    return ", ".join(dict.fromkeys(titles)) or _("User")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for templates/base.html."""
    context: dict[str, Any] = {
        "demonstration": settings.DEMONSTRATION,
        "handset_url": settings.SIMULATOR_URL if settings.DEMONSTRATION else "",
    }
    user: Any = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        context["navigation"] = SimpleLazyObject(lambda: sections(user, request.path))
        context["role_title"] = SimpleLazyObject(lambda: role_title(user))
        context["sees"] = SimpleLazyObject(lambda: {str(permission) for permission in permissions_of(user)})
    return context
