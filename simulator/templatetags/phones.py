"""Phone numbers as people read them."""

from django import template

from simulator.screen import grouped

register = template.Library()
register.filter("phone", grouped)


@register.filter
def initials(name: str) -> str:
    """Two letters for the avatar; a number sign where there is no name."""
    words = name.split()
    return "".join(word[0] for word in words[:2]).upper() or "#"
