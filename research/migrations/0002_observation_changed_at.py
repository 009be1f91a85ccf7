"""When each observation was last changed. What is there already was changed when it was made, as far as is known."""

import django.utils.timezone
from django.db import migrations, models
from django.db.models import F


def since_made(apps, schema_editor):
    apps.get_model('research', 'Observation').objects.update(changed_at=F('made_at'))


class Migration(migrations.Migration):

    dependencies = [
        ('research', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='observation',
            name='changed_at',
            field=models.DateTimeField(auto_now=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.RunPython(since_made, migrations.RunPython.noop, elidable=True),
    ]
