from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0005_audit_actors"),
    ]

    operations = [
        migrations.AddField(
            model_name="purgerun",
            name="after_restore",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Of a backup that was restored; not the night’s run."
            ),
        ),
        migrations.RemoveConstraint(model_name="purgerun", name="purge_run_once_a_night"),
        migrations.AddConstraint(
            model_name="purgerun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("after_restore", False)),
                fields=("organization", "night"),
                name="purge_run_once_a_night",
            ),
        ),
    ]
