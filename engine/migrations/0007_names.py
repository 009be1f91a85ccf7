"""The field's own words for what the tables hold. Renames alone: no row changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("engine", "0006_changing")]

    operations = [
        migrations.RenameModel("Presence", "EngineHeartbeat"),
        migrations.RenameModel("Bookmark", "EventCursor"),
        migrations.RenameModel("Measurement", "CachedResult"),
        migrations.RenameField("steprun", "memory", "checkpoint"),
        migrations.RenameField("steprun", "poked", "wake_requested"),
    ]
