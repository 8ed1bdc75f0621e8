"""Locations that were made before they could be searched get the folded columns that search and sort read."""

from django.db import migrations

from provisioning.models.choices import fold


def fold_names(apps, schema_editor):
    Location = apps.get_model("provisioning", "Location")
    for location in Location.objects.filter(sort_name=""):
        location.sort_name = fold(location.name)[:200]
        location.search_text = fold(location.name)
        location.save(update_fields=["sort_name", "search_text"])


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0018_users_by_id")]

    operations = [migrations.RunPython(fold_names, migrations.RunPython.noop)]
