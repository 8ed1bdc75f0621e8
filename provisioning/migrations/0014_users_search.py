"""Search anywhere in a name, an address or a number on Postgres: trigram indexes. SQLite reads the organization's rows."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

INDEXES = {
    "users_search": "provisioning_user USING gin (search_text gin_trgm_ops)",
    "numbers_search": "provisioning_phonenumber USING gin (e164 gin_trgm_ops)",
}


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """pg_trgm is a trusted extension: whoever owns the database may create it."""
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for name, definition in INDEXES.items():
        schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {definition}")


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0013_users_list")]
    operations = [migrations.RunPython(create, drop)]
