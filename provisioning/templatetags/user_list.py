"""`{% load user_list %}`: the long parts of the Users list, put together in one go.

Fifty rows and two hundred locations are thousands of template nodes, which take longer than all the queries of the
page; a format string for each takes next to none of the time. Every value is escaped before it goes in.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from provisioning.numbers import display
from provisioning.standing_words import pill_of
from provisioning.user_rows import UserRow

register = template.Library()

_CHECK: Final = '<td class="check"><input type="checkbox" name="user" value="{}" aria-label="{}"></td>'
_ROW: Final = (
    '<tr>{check}<th scope="row" class="name"><a href="{url}">{name}</a>{invited}'
    '<span class="only-sm"><br><span class="small sub">{number_or_not}<br>{location_or_not}</span></span></th>'
    '<td class="hide-sm name sub">{mailbox}<wbr>{domain}</td><td class="hide-sm name">{location}</td>'
    '<td class="hide-sm"><span class="{number_class}">{number}</span></td>'
    "<td>{pill}</td></tr>\n"
)
_PILL: Final = (
    '<span class="lines"><span class="pill {}" data-status="{}">{}</span><span class="small sub">{}</span></span>'
)
_INVITED: Final = ' <span class="small sub">{}</span>'
_OPTION: Final = '<option value="{}"{}>{}</option>'
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"


@register.simple_tag
def user_rows(rows: Iterable[UserRow], selectable: bool) -> SafeString:
    """The rows of the table; `selectable` with a box each."""
    url = reverse("user_calling", args=[_NOBODY])
    no_number, no_location, none = escape(_("No primary number")), escape(_("No location")), escape(_("None"))
    invited, select = _INVITED.format(escape(_("Invited"))), escape(_("Select %(name)s"))
    pills: dict[tuple[Any, ...], str] = {}
    found = []
    for row in rows:
        name, location = escape(row.name), escape(row.location_name or "")
        mailbox, _at, domain = escape(row.email).rpartition("@")
        number = escape(display(row.e164)) if row.e164 else ""
        found.append(
            _ROW.format(
                check=_CHECK.format(row.pk, select % {"name": name}) if selectable else "",
                url=url.replace(_NOBODY, str(row.pk)),
                name=name,
                invited=invited if row.account == "invited" else "",
                number_or_not=number or no_number,
                location_or_not=location or no_location,
                mailbox=mailbox,
                domain=f"@{domain}",
                location=location,
                number_class="num" if number else "sub",
                number=number or none,
                pill=_pill(row, pills),
            )
        )
    return mark_safe("".join(found))  # noqa: S308  # each value is escaped above


def _pill(row: UserRow, known: dict[tuple[Any, ...], str]) -> str:
    """Few of a page are unlike each other: each is worded once."""
    key = (
        row.is_active, row.enabled, row.source, row.first_unmet, row.waits,
        row.location_id is None, row.pstn_connection, row.number_active,
    )  # fmt: skip
    if key not in known:
        pill = pill_of(row)
        known[key] = _PILL.format(pill.kind, pill.code, escape(pill.label), escape(pill.note))
    return known[key]


@register.simple_tag
def options(choices: Iterable[tuple[Any, Any]], chosen: Any) -> SafeString:
    """An option for each (value, label); the chosen one is selected."""
    found = [
        _OPTION.format(escape(str(value)), " selected" if value == chosen else "", escape(str(label)))
        for value, label in choices
    ]
    return mark_safe("".join(found))  # noqa: S308  # each value is escaped above
