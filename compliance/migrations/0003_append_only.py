"""The triggers that make the audit log append-only, on either database (see compliance/triggers.py)."""

from django.db import migrations

from compliance import triggers


def install(apps, schema_editor):
    triggers.install(schema_editor.connection)


def remove(apps, schema_editor):
    triggers.remove(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("compliance", "0002_initial"),
    ]

    operations = [
        migrations.RunPython(install, remove),
    ]
