"""The demonstration's phones and business numbers, as the phones know them. Data, read once into an empty database."""

from simulator.models import Business, Phone

PHONES = (
    ("+14155550122", "Dr. Bianchi"),
    ("+14155550147", "Theo Nakamura"),
    ("+14155550188", "Opted-out phone"),
)
BUSINESSES = (("+14155550101", "Northwind Dental Supply"),)


def fill() -> None:
    """The demonstration's rows, where there are no phones at all."""
    if Phone.objects.exists():
        return
    for e164, name in PHONES:
        Phone.objects.create(e164=e164, name=name)
    Business.objects.bulk_create([Business(e164=e164, name=name) for e164, name in BUSINESSES], ignore_conflicts=True)
