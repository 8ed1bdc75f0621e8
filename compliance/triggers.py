"""Append-only in the database itself: triggers that refuse every way to change or remove an audit event.

They also keep a chain's head from being removed or set back. The statements are data, one set a database;
what they raise arrives as Django's IntegrityError on both. SQLite needs one more than Postgres: INSERT OR
REPLACE removes the row it replaces without firing a DELETE trigger.

A migration installs them. SQLite drops a table's triggers when a later migration rebuilds that table, so such a
migration ends with `install`; `verify_audit_log` and tests/compliance/test_append_only.py find it when one forgot.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

EVENTS = "compliance_auditevent"
HEADS = "compliance_audithead"
REFUSAL = "the audit log is append-only"

_HEAD_MOVED_WRONGLY = (
    "NEW.sequence <= OLD.sequence OR NEW.hash = OLD.hash OR NEW.id <> OLD.id OR NEW.chain <> OLD.chain"
)

_SQLITE = {
    "audit_event_stays": f"CREATE TRIGGER audit_event_stays BEFORE UPDATE ON {EVENTS} "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "audit_event_remains": f"CREATE TRIGGER audit_event_remains BEFORE DELETE ON {EVENTS} "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "audit_event_not_replaced": f"CREATE TRIGGER audit_event_not_replaced BEFORE INSERT ON {EVENTS} "
    f"WHEN EXISTS (SELECT 1 FROM {EVENTS} WHERE id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)) "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "audit_head_remains": f"CREATE TRIGGER audit_head_remains BEFORE DELETE ON {HEADS} "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "audit_head_goes_forward": f"CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON {HEADS} "
    f"WHEN {_HEAD_MOVED_WRONGLY} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    "audit_head_not_replaced": f"CREATE TRIGGER audit_head_not_replaced BEFORE INSERT ON {HEADS} "
    f"WHEN EXISTS (SELECT 1 FROM {HEADS} WHERE id = NEW.id OR chain = NEW.chain) "
    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
}

_FUNCTION = "compliance_audit_refuses"
_POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $refuses$
BEGIN
    RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END
$refuses$
"""
_POSTGRES = {
    "audit_event_stays": f"CREATE TRIGGER audit_event_stays BEFORE UPDATE OR DELETE ON {EVENTS} "
    f"FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
    "audit_events_remain": f"CREATE TRIGGER audit_events_remain BEFORE TRUNCATE ON {EVENTS} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()",
    "audit_head_remains": f"CREATE TRIGGER audit_head_remains BEFORE DELETE ON {HEADS} "
    f"FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
    "audit_head_goes_forward": f"CREATE TRIGGER audit_head_goes_forward BEFORE UPDATE ON {HEADS} "
    f"FOR EACH ROW WHEN ({_HEAD_MOVED_WRONGLY}) EXECUTE FUNCTION {_FUNCTION}()",
    "audit_heads_remain": f"CREATE TRIGGER audit_heads_remain BEFORE TRUNCATE ON {HEADS} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()",
}
_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    # A disabled trigger (tgenabled 'D') is as good as none.
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' "
    f"AND tgrelid IN ('{EVENTS}'::regclass, '{HEADS}'::regclass)",
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
            table = f" ON {EVENTS if f' ON {EVENTS} ' in statement else HEADS}"
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{table if connection.vendor == 'postgresql' else ''}")
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP FUNCTION IF EXISTS {_FUNCTION}()")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that ought to be there and are not."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        installed = {name for (name,) in cursor.fetchall()}
    return [name for name in _triggers(connection) if name not in installed]


def _triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _POSTGRES if connection.vendor == "postgresql" else _SQLITE
