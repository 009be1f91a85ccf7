"""Many rows at once, written by the database itself: a hundred thousand objects of Django's take a minute."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

NEW_UUID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}


def new_uuid() -> str:
    """An expression that is another UUID in each row."""
    return NEW_UUID[str(connection.vendor)]


def copies(row: Model, of: int | QuerySet[Any], **columns: str) -> None:
    """Rows like this one, so many or one for each of these; `columns` are expressions of SQL, over `n`.

    `n` counts from 1, or is the number of the row in `of`.
    """
    fields = [str(field.column) for field in row._meta.concrete_fields if not field.primary_key]
    quoted = ", ".join(f'"{name}"' for name in fields)
    values = ", ".join(columns.get(name, f'like_it."{name}"') for name in fields)
    parameters: tuple[Any, ...] = (row.pk,)
    if isinstance(of, int):
        series = f"SELECT 1 AS n UNION ALL SELECT n + 1 FROM series WHERE n < {of}"
    else:
        series, given = of.values_list("pk").query.sql_with_params()
        parameters = (*given, row.pk)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'WITH RECURSIVE series(n) AS ({series}) INSERT INTO "{table}" ({quoted})'
            f' SELECT {values} FROM series, "{table}" AS like_it WHERE like_it.id = %s ORDER BY n',
            parameters,
        )
