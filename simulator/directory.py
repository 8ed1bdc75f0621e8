"""The demonstration's phones and business numbers, as the phones know them. Data, read once into an empty database."""

from simulator.models import Business, Phone

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


def fill() -> None:
    """The demonstration's rows, where there are no phones at all."""
    if Phone.objects.exists():
        return
    for e164, name in PHONES:
        Phone.objects.create(e164=e164, name=name)
    named = [Business(e164=e164, name=BUSINESS_NAME) for e164 in BUSINESSES]
    Business.objects.bulk_create(named, ignore_conflicts=True)
