"""`{% load figures %}` then `{{ count|thousands }}`."""

from django import template

register = template.Library()


@register.filter
def thousands(count: int | None) -> str:
    """`12408` as `12,408`."""
    return f"{count or 0:,}"
