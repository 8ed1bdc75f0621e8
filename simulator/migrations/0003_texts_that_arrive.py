from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("simulator", "0002_registry"),
    ]

    operations = [
        migrations.AddField(
            model_name="text",
            name="arrived",
            field=models.BooleanField(default=True, help_text="Whether it came to the phone that it was for."),
        ),
    ]
