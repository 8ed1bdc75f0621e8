"""The demonstration's phones and business numbers, as the phones know them. Data, read once into an empty database."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from simulator.models import Business, Phone, Registration

PHONES = (
    ("+14155550122", "Dr. Bianchi"),
    ("+14155550147", "Theo Nakamura"),
    ("+14155550188", "Opted-out phone"),
)
BUSINESS_NAME = "Northwind Dental Supply"
BUSINESSES = (
    "+14155550101", "+14155550102", "+14155550103", "+14155550105", "+14155550107", "+14155550108", "+14155550115",
    "+14155550117", "+16045550110", "+16045550112", "+16045550113", "+16045550114", "+16125550139",
)  # fmt: skip


REGISTRATIONS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("brand", "01990000-0000-7000-8000-0000000000b1", "BNWDENT", "verified", {
        "legal_name": "Northwind Dental Supply, Inc.", "dba": BUSINESS_NAME, "entity_type": "private",
    }),
    ("campaign", "01990000-0000-7000-8000-0000000000c1", "C7NWD42", "active", {
        "brand_id": "BNWDENT", "use_case": "customer_care", "description": "Customer care",
    }),
    ("campaign", "01990000-0000-7000-8000-0000000000c2", "C7NWD58", "rejected", {
        "brand_id": "BNWDENT", "use_case": "delivery_notification", "description": "Order updates",
    }),
)  # fmt: skip
"""What the hub's demonstration has registered already, under the hub's references."""


def fill() -> None:
    """The demonstration's rows, where there are none."""
    _fill_registry()
    if Phone.objects.exists():
        return
    for e164, name in PHONES:
        Phone.objects.create(e164=e164, name=name)
    named = [Business(e164=e164, name=BUSINESS_NAME) for e164 in BUSINESSES]
    Business.objects.bulk_create(named, ignore_conflicts=True)


def _fill_registry() -> None:
    if Registration.objects.exists() or not settings.REGISTRY_WEBHOOK_URL:
        return
    at = timezone.now() - timedelta(days=2)
    for kind, reference, registry_id, step, document in REGISTRATIONS:
        Registration.objects.create(
            kind=kind, reference=reference, registry_id=registry_id, step=step, document=document, at=at, step_at=at,
            callback_url=settings.REGISTRY_WEBHOOK_URL,
            expires_at=at + timedelta(days=99) if step == "active" else None,
        )  # fmt: skip
