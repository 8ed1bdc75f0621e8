"""The organization's account: what its administrators set themselves, and the add-on licenses in use.

What was sold (customer type, Calling Plans, add-on licenses, whether it is a healthcare customer) is the provider's;
the policy and the attestation are given when texting is switched on (texting.py). One call is one transaction.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning import time_zones
from provisioning.changes import Actor, record_target
from provisioning.enablement import enabled_if
from provisioning.fingerprints import refuse_if_changed
from provisioning.models import Organization, User
from provisioning.models.organizations import OptOutScope
from provisioning.models.users import License
from provisioning.refusals import Refusal

FIELDS: Final = ("time_zone", "opt_out_scope", "unanswered_reply")
LONGEST_REPLY: Final = 320
"""As long as a campaign's registered replies may be."""


@dataclass(frozen=True, slots=True)
class AddonLicenses:
    """Business Texting add-on licenses. `assigned`: active users with a Professional license for whom texting is on."""

    bought: int
    assigned: int

    @property
    def lacking(self) -> int:
        """How many more are in use than were bought."""
        return max(0, self.assigned - self.bought)


def addon_licenses(organization: Organization) -> AddonLicenses:
    """One count. Who has an override takes a license by it; who can't text for another reason still takes one."""
    users = User.objects.filter(organization=organization, is_active=True, license=License.PROFESSIONAL)
    assigned = users.filter(enabled_if(organization_on=organization.texting_enabled)).order_by().count()
    return AddonLicenses(bought=organization.addon_licenses, assigned=assigned)


@transaction.atomic
def edit_organization(
    organization: Organization, wanted: Mapping[str, Any], actor: Actor, now: datetime, *, seen: str | None = None
) -> Organization:
    """Write what differs of FIELDS. Returns the fresh row.

    Refusal: `changed_meanwhile` (409), `unknown_time_zone`, `unknown_opt_out_scope`, `reply_too_long`,
    `reply_not_plain`.
    """
    row = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    refuse_if_changed(state_of(row), seen)
    before = state_of(row)
    for name in FIELDS:
        if name in wanted:
            setattr(row, name, _CHECKS[name](wanted[name]))
    after = state_of(row)
    differs = [name for name in FIELDS if after[name] != before[name]]
    if differs:
        row.save(update_fields=differs)
        record_target(
            "organization.changed", actor, row, organization_id=row.pk,
            before=_in_words(before, differs), after=_in_words(after, differs),
        )  # fmt: skip
    return row


def state_of(organization: Organization) -> dict[str, Any]:
    """What its administrators change, for fingerprints.fingerprint()."""
    return {name: getattr(organization, name) for name in FIELDS}


def _in_words(values: Mapping[str, Any], names: list[str]) -> dict[str, str]:
    said = {name: str(values[name]) for name in names}
    if "opt_out_scope" in said:
        said["opt_out_scope"] = str(OptOutScope(values["opt_out_scope"]).label)
    return said


def _time_zone(value: Any) -> str:
    if value not in time_zones.known():
        raise Refusal("unknown_time_zone", _("Choose a time zone."), field="time_zone")
    return str(value)


def _opt_out_scope(value: Any) -> str:
    if value not in OptOutScope.values:
        raise Refusal("unknown_opt_out_scope", _("Choose how far a STOP reaches."), field="opt_out_scope")
    return str(value)


def _reply(value: Any) -> str:
    reply = str(value or "").replace("\r\n", "\n").strip()
    if len(reply) > LONGEST_REPLY:
        sentence = _("The reply is %(length)s characters long. Use at most %(most)s.")
        words = {"length": len(reply), "most": LONGEST_REPLY}
        raise Refusal("reply_too_long", sentence % words, field="unanswered_reply")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in reply):
        sentence = _("The reply has characters that can’t be texted. Type it again without them.")
        raise Refusal("reply_not_plain", sentence, field="unanswered_reply")
    return reply


_CHECKS: Final = {"time_zone": _time_zone, "opt_out_scope": _opt_out_scope, "unanswered_reply": _reply}
