"""`{% load phones %}` then `{{ number.e164|phone }}` or `{{ number.e164|national }}`."""

from django import template

from provisioning import numbers
from provisioning.numbers import display

register = template.Library()


@register.filter
def phone(e164: str | None) -> str:
    """`+14155550101` as `+1 415 555 0101`; nothing for no number."""
    return display(e164) if e164 else ""


@register.filter
def national(e164: str | None) -> str:
    """`+14155550101` as `(415) 555-0101`; nothing for no number."""
    return numbers.national(e164) if e164 else ""
