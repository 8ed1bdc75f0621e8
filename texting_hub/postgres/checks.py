"""What Postgres writes into its own log: `manage.py check --database default`, and `migrate`, warn of texts in it.

By default it logs each statement that fails, values and all, and for a broken constraint the row: bodies and whole
numbers. Only a superuser can switch that off, for the server or for our role, so we can but say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connection
from django.utils.translation import gettext as _

SILENT: Final = {
    "log_min_error_statement": ("panic",),
    "log_error_verbosity": ("terse",),
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
}
"""Settings of the server, and the values with which no text gets into its log."""


@register(Tags.database)
def texts_in_the_servers_log(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """One warning that names each setting by which texts would get there."""
    if "default" not in (databases or ()) or connection.vendor != "postgresql":
        return []
    found = talkative()
    if not found:
        return []
    told = _("Postgres writes texts and numbers into its own log: %(settings)s.") % {"settings": ", ".join(found)}
    role = connection.ops.quote_name(connection.settings_dict["USER"])
    statements = (f"ALTER ROLE {role} SET {name} = '{SILENT[name][0]}';" for name in found)
    advice = _("As a superuser: %(statements)s") % {"statements": " ".join(statements)}
    return [Warning(told, hint=advice, id="texting_hub.W001")]


def talkative() -> list[str]:
    """The settings that differ from what keeps texts out, as they are for our role on this server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name", [list(SILENT)])
        return [name for name, setting in cursor.fetchall() if setting not in SILENT[name]]
