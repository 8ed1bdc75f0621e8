"""`{% load phones %}` then `{{ number.e164|phone }}`."""

from django import template

from provisioning.numbers import display

register = template.Library()


@register.filter
def phone(e164: str | None) -> str:
    """`+14155550101` as `+1 415 555 0101`; nothing for no number."""
    return display(e164) if e164 else ""
