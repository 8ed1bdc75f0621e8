"""Every action this app records, in words; one module a noun. The audit log reads them from here."""

from typing import Final

from django.utils.functional import Promise

from provisioning.actions import (
    account,
    alerts,
    locations,
    numbers,
    people,
    registration,
    sign_in,
    tasks,
    texting,
    tokens,
)

ACTIONS: Final[dict[str, Promise]] = {
    **texting.ACTIONS,
    **people.ACTIONS,
    **locations.ACTIONS,
    **numbers.ACTIONS,
    **registration.ACTIONS,
    **tasks.ACTIONS,
    **account.ACTIONS,
    **sign_in.ACTIONS,
    **tokens.ACTIONS,
    **alerts.ACTIONS,
}
