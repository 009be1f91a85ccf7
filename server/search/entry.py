"""The table of the index: one row for each thing that can be found."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """What one thing is found by, and how it is shown.

    `words` is tokens divided by blanks: those of `lib.searching`, and _KIND_SCOPE for each scope that the thing is read
    in (`sources.scopes`), so that a query never meets what its reader may not see. The database keeps its own index of
    `words`: FTS5 on SQLite, a tsvector on PostgreSQL (migrations 0001 and 0002). A participant's words are shown from
    the observation, never from here: `title` is empty for them.
    """

    kind = models.CharField(max_length=12)
    object = models.CharField(max_length=40)  # the primary key, as text
    title = models.CharField(max_length=300, blank=True)
    about = models.CharField(max_length=300, blank=True)
    url = models.TextField(blank=True)  # percent-encoded: twelve characters a letter of some scripts
    words = models.TextField(blank=True)

    class Meta:
        app_label = "server"
        constraints = [models.UniqueConstraint(fields=["kind", "object"], name="one_entry_per_object")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object}"
