from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('research', '0002_observation_changed_at'),
    ]

    operations = [
        migrations.AddField(
            model_name='insight',
            name='revision',
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
    ]
