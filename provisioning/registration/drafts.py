"""Brands and campaigns that are not with the registry: made, changed, and made ready to be submitted again.

Each call is one transaction: lock the row, refuse or write, tell the audit log. What is already so is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from provisioning.changes import Actor, record_target
from provisioning.models import Brand, Campaign, EventSource, Organization, RegistrationEvent
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.models.registry_terms import EXCHANGES, SUB_CASE_RANGES, EntityType
from provisioning.refusals import Refusal
from provisioning.registration import tax_ids
from provisioning.registration.checks import MOST_SAMPLES, e164_of, keywords, plain

BRAND_FIELDS: Final = (
    "entity_type", "legal_name", "dba", "tax_id", "tax_id_country", "stock_symbol", "stock_exchange", "street",
    "city", "region", "postal_code", "country", "vertical", "website", "contact_name", "contact_email",
    "contact_phone",
)  # fmt: skip
CAMPAIGN_FIELDS: Final = (
    "name", "use_case", "sub_use_cases", "description", "message_flow", "samples", "embedded_link", "embedded_phone",
    "number_pool", "age_gated", "direct_lending", "opt_in_keywords", "opt_in_message", "opt_out_keywords",
    "opt_out_message", "help_keywords", "help_message", "opt_in_message_fr", "opt_out_message_fr", "help_message_fr",
    "privacy_url", "terms_url",
)  # fmt: skip
Row = TypeVar("Row", bound=Brand | Campaign)
_KEYWORD_FIELDS: Final = ("opt_in_keywords", "opt_out_keywords", "help_keywords")


def refuse_without_addon(organization: Organization) -> None:
    """Registration comes with the Business Texting add-on. Refusal: `addon_license`."""
    if not organization.addon_licenses:
        raise Refusal(
            "addon_license",
            _("This organization has no Business Texting add-on, which 10DLC registration comes with."),
            http_status=403,
            remedy=_("A full administrator buys the add-on from the Cisco partner."),
        )


@transaction.atomic
def create_brand(organization: Organization, values: Mapping[str, Any], actor: Actor, now: datetime) -> Brand:
    """A draft with these values; what is missing stays empty."""
    brand = Brand(organization=organization, status_at=now, **brand_values(values))
    brand.save()
    _made(brand, actor, now, BRAND_FIELDS)
    return brand


@transaction.atomic
def create_campaign(brand: Brand, values: Mapping[str, Any], actor: Actor, now: datetime) -> Campaign:
    """A draft of this brand."""
    campaign = Campaign(organization_id=brand.organization_id, brand=brand, status_at=now, **campaign_values(values))
    campaign.save()
    _made(campaign, actor, now, CAMPAIGN_FIELDS)
    return campaign


def _made(row: Brand | Campaign, actor: Actor, now: datetime, fields: tuple[str, ...]) -> None:
    note(row, "draft", now, EventSource.PORTAL, actor_label=actor.label)
    given = {name: shown(getattr(row, name)) for name in fields if getattr(row, name)}
    record_target(f"{row._meta.model_name}.created", actor, row, organization_id=row.organization_id, after=given)


@transaction.atomic
def edit_brand(
    brand: Brand, values: Mapping[str, Any], actor: Actor, now: datetime, *, revision: int | None = None
) -> Brand:
    """Change these fields. `revision` is what the editor had open. Refusal: `with_registry`, `changed_meanwhile`."""
    row = Brand.objects.select_for_update(no_key=True).get(pk=brand.pk)
    return _edit(row, brand_values(values, row), actor, revision)


@transaction.atomic
def edit_campaign(
    campaign: Campaign, values: Mapping[str, Any], actor: Actor, now: datetime, *, revision: int | None = None
) -> Campaign:
    """The same for a campaign."""
    row = Campaign.objects.select_for_update(no_key=True, of=("self",)).select_related("brand").get(pk=campaign.pk)
    return _edit(row, campaign_values(values, row), actor, revision)


def _edit(row: Row, values: dict[str, Any], actor: Actor, revision: int | None) -> Row:
    changed: dict[str, Any] = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not changed:
        return row
    refuse_unless_editable(row)
    if revision is not None and revision != row.revision:
        raise Refusal(
            "changed_meanwhile",
            _("Someone else changed this while you had the page open. Check it, then save again."),
            http_status=409,
        )
    before = {name: shown(getattr(row, name)) for name in changed}
    for name, value in changed.items():
        setattr(row, name, value)
    row.revision += 1
    row.save(update_fields=[*changed, "revision"])
    after = {name: shown(value) for name, value in changed.items()}
    record_target(
        f"{row._meta.model_name}.changed", actor, row, organization_id=row.organization_id, before=before, after=after
    )
    return row


def refuse_unless_editable(row: Brand | Campaign) -> None:
    """Refusal: `with_registry`, for what was submitted and not rejected."""
    if row.is_editable:
        return
    if row.status in (BrandStatus.VERIFIED, CampaignStatus.ACTIVE, BrandStatus.SUSPENDED):
        sentence = _("The registry has accepted this as it is, so it can’t be changed here. Ask your provider.")
    else:
        sentence = _("This is with the registry. It can be changed again if the registry rejects it.")
    raise Refusal("with_registry", sentence, http_status=409)


def brand_values(values: Mapping[str, Any], row: Brand | None = None) -> dict[str, Any]:
    """Values as they are stored: trimmed, tax id and phone number in their standard form where they have one."""
    cleaned = {name: " ".join(str(values[name]).split()) for name in BRAND_FIELDS if name in values}
    entity = cleaned.get("entity_type", row.entity_type if row else "")
    country = cleaned.get("tax_id_country", row.tax_id_country if row else "")
    if cleaned.get("tax_id"):
        cleaned["tax_id"] = tax_ids.canonical(cleaned["tax_id"], country) or cleaned["tax_id"]
    if cleaned.get("contact_phone"):
        cleaned["contact_phone"] = e164_of(cleaned["contact_phone"]) or cleaned["contact_phone"]
    for name in ("region", "postal_code", "stock_symbol"):
        if name in cleaned and (name != "region" or len(cleaned[name]) == 2):
            cleaned[name] = cleaned[name].upper()
    if entity and entity != EntityType.PUBLIC:
        cleaned |= {"stock_symbol": "", "stock_exchange": ""}
    elif cleaned.get("stock_exchange") and cleaned["stock_exchange"] not in EXCHANGES:
        cleaned["stock_exchange"] = ""
    return cleaned


def campaign_values(values: Mapping[str, Any], row: Campaign | None = None) -> dict[str, Any]:
    """Values as they are stored: line breaks as one character, keywords in capitals, no empty samples at the end."""
    cleaned: dict[str, Any] = {}
    for name in CAMPAIGN_FIELDS:
        if name in values:
            value = values[name]
            cleaned[name] = plain(value) if isinstance(value, str) else value
    for name in _KEYWORD_FIELDS:
        if name in cleaned:
            cleaned[name] = ", ".join(keywords(cleaned[name]))
    if "samples" in cleaned:
        cleaned["samples"] = _samples(cleaned["samples"])
    if "sub_use_cases" in cleaned:
        cleaned["sub_use_cases"] = list(dict.fromkeys(cleaned["sub_use_cases"]))
    named = row is None or {"use_case", "sub_use_cases"} & set(cleaned)
    if named and cleaned.get("use_case", row.use_case if row else "") not in SUB_CASE_RANGES:
        cleaned["sub_use_cases"] = []
    return cleaned


def _samples(given: Any) -> list[str]:
    samples = [plain(str(text)) for text in given][:MOST_SAMPLES]
    while samples and not samples[-1]:
        samples.pop()
    return samples


def note(
    row: Brand | Campaign, step: str, at: datetime, source: EventSource, *, actor_label: str = "", **fields: Any
) -> RegistrationEvent:
    """One more step in the history, in the caller's transaction."""
    return RegistrationEvent.objects.create(
        organization_id=row.organization_id,
        brand=row if isinstance(row, Brand) else None,
        campaign=row if isinstance(row, Campaign) else None,
        step=step, at=at, noted_at=at, source=source, actor_label=actor_label[:400], **fields,
    )  # fmt: skip


def shown(value: Any) -> Any:
    """A value as the audit log shows it."""
    return "\n\n".join(str(part) for part in value) if isinstance(value, list) else value
