"""The SQL statements of every step, compiled once, because Django's compiler takes longer than the database.

The SQL is Django's own. Values go through the fields as usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def insert(row: M) -> M:
    """Insert a new row and note its id on it; like `save(force_insert=True)` without signals."""
    sql, fields = _insert(type(row), connection.vendor)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, connection.alias
    return row


@lru_cache(maxsize=64)
def _insert(model: type[models.Model], vendor: str) -> tuple[str, list[models.Field[Any, Any]]]:
    fields = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    name = connection.ops.quote_name
    columns = ", ".join(name(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = name(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING {name('id')}", fields  # noqa: S608


def update(model: type[models.Model], where: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    """Set these columns of the rows whose columns are equal to those. Returns how many rows that were."""
    sql, fields = _update(model, tuple(where), tuple(changes), connection.vendor)
    values = [*changes.values(), *where.values()]
    prepared = [field.get_db_prep_save(value, connection) for field, value in zip(fields, values, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(sql, prepared)
        return int(cursor.rowcount)


@lru_cache(maxsize=256)
def _update(
    model: type[models.Model], where: tuple[str, ...], changes: tuple[str, ...], vendor: str
) -> tuple[str, list[Any]]:
    name, field = connection.ops.quote_name, model._meta.get_field
    fields: list[Any] = [field(key) for key in (*changes, *where)]
    sets = ", ".join(f"{name(f.column)} = %s" for f in fields[: len(changes)])
    tests = " AND ".join(f"{name(f.column)} = %s" for f in fields[len(changes) :])
    return f"UPDATE {name(model._meta.db_table)} SET {sets} WHERE {tests}", fields  # noqa: S608
