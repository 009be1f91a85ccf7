"""Keeps the index current: what is saved is written again, what is gone is taken out, in the same transaction.

A participant's words are in the index while their consent is in force and nothing around them is removed. Withdrawing
it takes them out in the transaction that withdraws: nothing finds them any more, and SQLite overwrites what its index
stored of them when it merges. A consent that ran out is refused by `Reading` when the words are read.
Rows changed without a save (`QuerySet.update`) keep the words they had: the rows say who sees them, so nothing is shown
that should not be. `rebuild` writes all of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model, QuerySet
from django.db.models.signals import post_delete, post_migrate, post_save

from engine.models import Revision
from lib.searching import tokens
from research.models import Activity, Consent, Observation
from server.search.entry import Entry
from server.search.sources import BELOW, SOURCES, WITHIN, Source

VERSION = "2"  # one more when sources say something else: the next migrate writes the index again
MANY = 500
MOST_TEXT = 100_000  # characters of a row that can be found; a tsvector of PostgreSQL holds a megabyte
MARK = {"kind": "", "object": "version"}


def entry(source: Source, row: Any) -> Entry:
    """The entry of a row; it is not stored."""
    said = source.says(row)
    readers = (f"_{source.kind}_{scope}" for scope in said.readers)
    words = [*readers, *tokens(f"{said.title} {said.about} {said.text[:MOST_TEXT]}")]
    return Entry(
        kind=source.kind, object=str(row.pk), title=said.title[:300], about=said.about[:300], url=said.url,
        words=" ".join(words),
    )  # fmt: skip


def write(entries: Iterable[Entry]) -> None:
    """Store entries, each in place of the one its object had."""
    Entry.objects.bulk_create(
        entries, MANY, update_conflicts=True, unique_fields=["kind", "object"],
        update_fields=["title", "about", "url", "words"],
    )  # fmt: skip


def keep(rows: QuerySet[Any]) -> None:
    """Write the entries of these rows, and take out those of rows that may not be found any more."""
    if _has_table():
        for pks in _batched(rows.order_by().values_list("pk", flat=True).iterator(MANY)):
            _keep(rows.model, pks)


def _keep(model: type[Model], pks: Sequence[Any]) -> None:
    found: list[Entry] = []
    gone: list[tuple[str, str]] = []
    for source in SOURCES:
        if source.model is model:
            made = [entry(source, row) for row in source.rows().filter(pk__in=pks)]
            found += made
            gone += [(source.kind, pk) for pk in {str(pk) for pk in pks} - {one.object for one in made}]
    write(found)
    for kind in dict(gone):
        Entry.objects.filter(kind=kind, object__in=[pk for k, pk in gone if k == kind]).delete()


def rebuild() -> int:
    """Write all of it again; how many entries there are."""
    with transaction.atomic():
        Entry.objects.all().delete()
        for source in SOURCES:
            rows = source.rows().order_by("pk").iterator(MANY)
            for some in _batched(rows):
                Entry.objects.bulk_create([entry(source, row) for row in some])
        Entry.objects.create(**MARK, title=VERSION)
    return Entry.objects.count() - 1


def _batched(rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    left = iter(rows)
    while some := tuple(islice(left, MANY)):
        yield some


# --- when rows change ------------------------------------------------------------------------------------------------


def listen() -> None:
    """Called once, when the process starts."""
    for model in {source.model for source in SOURCES}:
        post_save.connect(_saved, sender=model, dispatch_uid=f"search-{model.__name__}")
        post_delete.connect(_deleted, sender=model, dispatch_uid=f"search-{model.__name__}")
    post_save.connect(_consented, sender=Consent, dispatch_uid="search-consent")
    post_save.connect(_renamed, sender=Activity, dispatch_uid="search-activity")
    post_save.connect(_revised, sender=Revision, dispatch_uid="search-revision")
    post_migrate.connect(_migrated, sender=apps.get_app_config("server"), dispatch_uid="search-version")


def _saved(sender: type[Model], instance: Any, created: bool, raw: bool, update_fields: Any = None, **_: Any) -> None:
    sources = [source for source in SOURCES if source.model is sender]
    if raw or all(_skips(source, created, update_fields) for source in sources):
        return
    if not _has_table():
        return
    _keep(sender, [instance.pk])
    if created:
        return
    removed = "removed_at" in (update_fields or ())
    for also in (BELOW, WITHIN) if removed else (BELOW,):
        for rows in also.get(sender, lambda one: ())(instance):
            keep(rows)


def _skips(source: Source, created: bool, update_fields: Any) -> bool:
    """Whether a save changed nothing that this source says."""
    if created:
        return False
    return source.once or bool(source.fields and update_fields and not source.fields & set(update_fields))


def _deleted(sender: type[Model], instance: Any, **_: Any) -> None:
    kinds = [source.kind for source in SOURCES if source.model is sender]
    if _has_table():
        Entry.objects.filter(kind__in=kinds, object=str(instance.pk)).delete()


def _consented(instance: Consent, **_: Any) -> None:
    keep(Observation.everything.filter(participant=instance.participant_id))


def _renamed(instance: Activity, created: bool, **_: Any) -> None:
    if not created:
        keep(Observation.everything.filter(activity=instance))


def _revised(instance: Revision, created: bool, **_: Any) -> None:
    """A new revision can change the template's title, by an update that no signal tells of."""
    if created:
        transaction.on_commit(lambda: keep(type(instance.template).objects.filter(pk=instance.template_id)))


def _migrated(using: str, **_: Any) -> None:
    """Fill the index of rows that are older than it is, once every room has its newest tables."""
    if not _has_table() or Entry.objects.filter(**MARK, title=VERSION).exists():
        return
    executor = MigrationExecutor(connections[using])
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        rebuild()


@cache
def _table() -> None:
    """Raises LookupError while the table is not there: in the middle of migrations that are run one by one."""
    if Entry._meta.db_table not in connection.introspection.table_names():
        raise LookupError(Entry._meta.db_table)


def _has_table() -> bool:
    try:
        _table()  # that it is there is remembered; that it is not is asked again
    except LookupError:
        return False
    return True
