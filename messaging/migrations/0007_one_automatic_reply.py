"""Postgres gets back the index that lets a text have one automatic reply.

When 0006 took away the plain index of `in_reply_to`, Django dropped on Postgres every index of that one column that
is not among the model's `indexes`, so that of the constraint `one_automatic_reply` too. SQLite kept it, and a database
that was made in one step has it.
"""

from django.db import migrations

# Where two replies came of it, the first stays the reply; the others stay as texts.
ONE_EACH = """
    UPDATE messaging_message SET in_reply_to_id = NULL
    WHERE kind = 'automatic' AND in_reply_to_id IS NOT NULL AND EXISTS (
        SELECT 1 FROM messaging_message AS earlier
        WHERE earlier.in_reply_to_id = messaging_message.in_reply_to_id
        AND earlier.kind = 'automatic' AND earlier.id < messaging_message.id
    )"""
INDEX = "CREATE UNIQUE INDEX one_automatic_reply ON messaging_message (in_reply_to_id) WHERE kind = 'automatic'"


def put_back(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        if "one_automatic_reply" in connection.introspection.get_constraints(cursor, "messaging_message"):
            return
        # Or the index would find the foreign key's checks of these rows still waiting.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(ONE_EACH)
        cursor.execute(INDEX)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0006_relay")]
    operations = [migrations.RunPython(put_back, migrations.RunPython.noop)]
