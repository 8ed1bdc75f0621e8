"""Append-only in the database itself: triggers that refuse every way to change or remove an audit event.

They also keep a chain's head from being removed or set back. The statements are data, one set a database;
what they raise arrives as Django's IntegrityError on both. SQLite needs one more than Postgres: INSERT OR
REPLACE removes the row it replaces without firing a DELETE trigger.

A migration installs them. SQLite drops a table's triggers when a later migration rebuilds that table, so such a
migration ends with `install`; `verify_audit_log` and tests/compliance/test_append_only.py find it when one forgot.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE = {
    "audit_event_stays": """
        CREATE TRIGGER audit_event_stays BEFORE UPDATE ON compliance_auditevent
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_event_remains": """
        CREATE TRIGGER audit_event_remains BEFORE DELETE ON compliance_auditevent
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_event_not_replaced": """
        CREATE TRIGGER audit_event_not_replaced BEFORE INSERT ON compliance_auditevent
        WHEN EXISTS (
            SELECT 1 FROM compliance_auditevent
            WHERE id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)
        )
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_head_remains": """
        CREATE TRIGGER audit_head_remains BEFORE DELETE ON compliance_audithead
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_head_goes_forward": """
        CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON compliance_audithead
        WHEN NEW.sequence <= OLD.sequence OR NEW.hash = OLD.hash OR NEW.id <> OLD.id OR NEW.chain <> OLD.chain
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_head_not_replaced": """
        CREATE TRIGGER audit_head_not_replaced BEFORE INSERT ON compliance_audithead
        WHEN EXISTS (SELECT 1 FROM compliance_audithead WHERE id = NEW.id OR chain = NEW.chain)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
}
_POSTGRES_FUNCTION = """
    CREATE OR REPLACE FUNCTION compliance_audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $refuses$
    BEGIN
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END
    $refuses$"""
_POSTGRES = {
    "audit_event_stays": """
        CREATE TRIGGER audit_event_stays BEFORE UPDATE OR DELETE ON compliance_auditevent
        FOR EACH ROW EXECUTE FUNCTION compliance_audit_refuses()""",
    "audit_events_remain": """
        CREATE TRIGGER audit_events_remain BEFORE TRUNCATE ON compliance_auditevent
        FOR EACH STATEMENT EXECUTE FUNCTION compliance_audit_refuses()""",
    "audit_head_remains": """
        CREATE TRIGGER audit_head_remains BEFORE DELETE ON compliance_audithead
        FOR EACH ROW EXECUTE FUNCTION compliance_audit_refuses()""",
    "audit_head_goes_forward": """
        CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON compliance_audithead
        FOR EACH ROW
        WHEN (NEW.sequence <= OLD.sequence OR NEW.hash = OLD.hash OR NEW.id <> OLD.id OR NEW.chain <> OLD.chain)
        EXECUTE FUNCTION compliance_audit_refuses()""",
    "audit_heads_remain": """
        CREATE TRIGGER audit_heads_remain BEFORE TRUNCATE ON compliance_audithead
        FOR EACH STATEMENT EXECUTE FUNCTION compliance_audit_refuses()""",
}
_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    # A disabled trigger (tgenabled 'D') is as good as none.
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Create every trigger that is missing."""
    absent = missing(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES_FUNCTION)
        for name in absent:
            cursor.execute(_triggers(connection)[name])


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop every trigger: to undo the migration, and for the flush between tests that commit."""
    with connection.cursor() as cursor:
        for name, statement in _triggers(connection).items():
            table = "compliance_auditevent" if "ON compliance_auditevent" in statement else "compliance_audithead"
            cursor.execute(
                f"DROP TRIGGER IF EXISTS {name}{f' ON {table}' if connection.vendor == 'postgresql' else ''}"
            )
        if connection.vendor == "postgresql":
            cursor.execute("DROP FUNCTION IF EXISTS compliance_audit_refuses()")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that ought to be there and are not."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        installed = {name for (name,) in cursor.fetchall()}
    return [name for name in _triggers(connection) if name not in installed]


def _triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _POSTGRES if connection.vendor == "postgresql" else _SQLITE
