"""The demonstration's accounts, one a role: the sign-in page has a button for each, `seed_demo` makes them.

They share one password, which `./hub up` makes and passes on as DEMO_PASSWORD. Outside the demonstration
(settings.DEMONSTRATION) nothing here is used and no such account exists.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from provisioning.models import User
from provisioning.models.choices import fold


@dataclass(frozen=True, slots=True)
class Account:
    """A person to sign in as. `role` is a code: a Role, `user` or `operator`."""

    role: str
    title: str | Promise
    first_name: str
    last_name: str
    email: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


ACCOUNTS = (
    Account("full_admin", _("full administrator"), "Maya", "Okafor", "maya.okafor@northwind.example"),
    Account("user", _("user who texts"), "Rosalind", "Abernathy", "rosalind.abernathy@northwind.example"),
    Account("compliance_officer", _("compliance officer"), "Ingrid", "Solberg", "ingrid.solberg@northwind.example"),
    Account("read_only_admin", _("read-only administrator"), "Teodor", "Vance", "teodor.vance@northwind.example"),
    Account("user_admin", _("user administrator"), "Keiko", "Matsuda", "keiko.matsuda@northwind.example"),
    Account("location_admin", _("location administrator"), "Luc", "Tremblay", "luc.tremblay@northwind.example"),
    Account("operator", _("provider operator"), "Owen", "Castle", "owen.castle@provider.example"),
)


def sign_ins() -> list[Account]:
    """The accounts the sign-in page offers: in the demonstration, those that exist. Elsewhere: none."""
    if not (settings.DEMONSTRATION and settings.DEMO_PASSWORD):
        return []
    keys = [fold(account.email) for account in ACCOUNTS]
    existing = set(User.objects.filter(email_key__in=keys, is_active=True).values_list("email_key", flat=True))
    return [account for account in ACCOUNTS if fold(account.email) in existing]


def is_exempt(user: User) -> bool:
    """The demonstration's own accounts need no second factor: they are signed in with a button."""
    return settings.DEMONSTRATION and user.email_key in {fold(account.email) for account in ACCOUNTS}
