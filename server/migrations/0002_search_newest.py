"""What a quick search needs: on SQLite an index of one-letter beginnings and a list of terms, on PostgreSQL an index of
what is newest of a kind.
"""

from django.db import migrations

WORDS = """CREATE VIRTUAL TABLE server_entry_words USING fts5(
    words, content='server_entry', content_rowid='id', prefix='{}',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co' tokenchars '_'"
)"""
DROP = "DROP TABLE server_entry_words"
FILL = "INSERT INTO server_entry_words(server_entry_words) VALUES ('rebuild')"
TERMS = "CREATE VIRTUAL TABLE server_entry_terms USING fts5vocab(server_entry_words, row)"
FORTH = {
    "sqlite": (DROP, WORDS.format("1 2 3"), FILL, TERMS),
    "postgresql": ("CREATE INDEX server_entry_newest ON server_entry (kind, id)",),
}
BACK = {
    "sqlite": ("DROP TABLE server_entry_terms", DROP, WORDS.format("2 3"), FILL),
    "postgresql": ("DROP INDEX server_entry_newest",),
}


def forth(apps, editor):
    for sql in FORTH[editor.connection.vendor]:
        editor.execute(sql, None)


def back(apps, editor):
    for sql in BACK[editor.connection.vendor]:
        editor.execute(sql, None)


class Migration(migrations.Migration):
    dependencies = [("server", "0001_search")]
    operations = [migrations.RunPython(forth, back)]
