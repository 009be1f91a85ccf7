"""Names of the field for what the tables hold: renames, and one choice less that was never stored."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("engine", "0006_changing")]

    operations = [
        migrations.RenameModel("Presence", "EngineHeartbeat"),
        migrations.RenameModel("Bookmark", "EventCursor"),
        migrations.RenameModel("Measurement", "CachedResult"),
        migrations.RenameField("steprun", "memory", "checkpoint"),
        migrations.RenameField("steprun", "poked", "wake_requested"),
        migrations.AlterField(
            model_name='criterionresult',
            name='state',
            field=models.CharField(choices=[('met', 'Met'), ('open', 'Not yet'), ('needs', 'Needs something')], max_length=8),
        ),
    ]
