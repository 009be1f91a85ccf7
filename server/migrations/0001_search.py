"""The search index, and the index that the database itself keeps of its words.

Triggers keep it, because they see what bulk writes do. On SQLite a later change of this table by Django makes the table
anew and loses them: such a migration has to make them again.
"""

from django.db import migrations, models

SQLITE = (
    """CREATE VIRTUAL TABLE server_entry_words USING fts5(
        words, content='server_entry', content_rowid='id', prefix='2 3',
        tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co' tokenchars '_'"
    )""",
    """CREATE TRIGGER server_entry_made AFTER INSERT ON server_entry BEGIN
        INSERT INTO server_entry_words(rowid, words) VALUES (new.id, new.words);
    END""",
    """CREATE TRIGGER server_entry_gone AFTER DELETE ON server_entry BEGIN
        INSERT INTO server_entry_words(server_entry_words, rowid, words) VALUES ('delete', old.id, old.words);
    END""",
    """CREATE TRIGGER server_entry_changed AFTER UPDATE OF words ON server_entry BEGIN
        INSERT INTO server_entry_words(server_entry_words, rowid, words) VALUES ('delete', old.id, old.words);
        INSERT INTO server_entry_words(rowid, words) VALUES (new.id, new.words);
    END""",
)
# The tokens are written as a tsvector by hand: PostgreSQL's parser would divide them again, by rules of its own.
POSTGRES = (
    "ALTER TABLE server_entry ADD COLUMN vector tsvector",
    """CREATE FUNCTION server_entry_vector() RETURNS trigger AS $$
    BEGIN
        NEW.vector := coalesce((
            SELECT string_agg(quote_literal(token) || ':' || least(place, 16383), ' ')
            FROM unnest(string_to_array(NEW.words, ' ')) WITH ORDINALITY AS listed(token, place) WHERE token <> ''
        ), '')::tsvector;
        RETURN NEW;
    END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER server_entry_changed BEFORE INSERT OR UPDATE OF words ON server_entry
    FOR EACH ROW EXECUTE FUNCTION server_entry_vector()""",
    "CREATE INDEX server_entry_vector_index ON server_entry USING gin (vector) WITH (fastupdate = off)",
)
BACK = {
    "sqlite": (
        "DROP TRIGGER server_entry_made", "DROP TRIGGER server_entry_gone", "DROP TRIGGER server_entry_changed",
        "DROP TABLE server_entry_words",
    ),
    "postgresql": (
        "DROP TRIGGER server_entry_changed ON server_entry", "DROP FUNCTION server_entry_vector()",
        "ALTER TABLE server_entry DROP COLUMN vector",
    ),
}  # fmt: skip


def forth(apps, editor):
    for sql in SQLITE if editor.connection.vendor == "sqlite" else POSTGRES:
        editor.execute(sql, None)


def back(apps, editor):
    for sql in BACK[editor.connection.vendor]:
        editor.execute(sql, None)


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=12)),
                ("object", models.CharField(max_length=40)),
                ("title", models.CharField(blank=True, max_length=300)),
                ("about", models.CharField(blank=True, max_length=300)),
                ("url", models.TextField(blank=True)),
                ("words", models.TextField(blank=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("kind", "object"), name="one_entry_per_object")],
            },
        ),
        migrations.RunPython(forth, back),
    ]
