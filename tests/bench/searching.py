"""What a search costs among a hundred thousand rows: `python -m tests.bench.searching [--rows 100000]`.

In a database of its own (SQLite in a temporary home; PostgreSQL with DATABASE_URL, which has to be empty). The rows are
of each kind, half of them of the one who searches. Prints milliseconds, median and 95th of fifty, of a word that all
say, one that a thousand say, one that one says, beginnings of one letter and two, and nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console

TIMES = 50
WORDS = [
    "churn",
    "model",
    "endpoint",
    "retry",
    "column",
    "parity",
    "drift",
    "notebook",
    "holdout",
    "deploy",
    "模型",
    "評価",
]
QUERIES = {
    "a word in all of them": "everywhere",
    "two words": "model churn",
    "a word in a thousand": "seldom",
    "one of them": "needle",
    "one letter": "m",
    "two letters": "mo",
    "Chinese": "模型",
    "nothing": "nothinglikethis",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="dp-searching-")
    os.environ |= {"DESIREPATH_HOME": home, "DJANGO_SETTINGS_MODULE": "server.settings"}
    try:
        found = measure(options.rows)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    console = Console(highlight=False)
    for name, (median, p95, kinds, queries) in found.items():
        console.print(f"{name}: {median:.1f} ms, p95 {p95:.1f} ms, {kinds} kinds, {queries} queries")
    print(json.dumps({"rows": options.rows, **found}, ensure_ascii=False))


def measure(rows: int) -> dict[str, tuple[float, float, int, int]]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from server.search.finding import find
    from server.search.index import rebuild

    call_command("migrate", verbosity=0)
    user = fill(rows)
    began = time.perf_counter()
    count = rebuild()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"{count:,} entries written in {time.perf_counter() - began:.1f} s")
    found = {}
    for name, text in QUERIES.items():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            groups = find(user, text)
        median, p95 = timed(lambda text=text: find(user, text))
        found[name] = (median, p95, len(groups), len(asked))
    return found


def timed(call: Any) -> tuple[float, float]:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


def fill(rows: int) -> Any:
    """Rows of each kind: half are words of participants, a fifth runs; half of all are of the one who searches."""
    from django.utils import timezone

    from engine.models import Deployment, Revision, Run, Target, Template
    from people.models import Persona, Team, User
    from research.models import Case, Consent, Insight, Observation, Participant, Session, Study

    chance = random.Random(7)
    Persona.objects.bring()
    persona = Persona.objects.first()
    user = User.objects.create_user("alice")

    def text(number: int) -> str:
        rare = "seldom" if number % 100 == 0 else ""
        needle = "needle" if number == rows // 40 else ""
        return f"everywhere {' '.join(chance.choices(WORDS, k=12))} {rare} {needle}"

    def many(model: Any, made: Iterable[Any]) -> list[Any]:
        return list(model._base_manager.bulk_create(made, 1000))

    teams = many(Team, (Team(name=f"Team {n}", slug=f"team-{n}") for n in range(20)))
    studies = many(Study, (Study(slug=f"s{n}", title=text(n), persona=persona, team=teams[n % 20]) for n in range(20)))
    for n in range(0, 20, 2):
        teams[n].add(user, "engineer")
        studies[n].add(user, "lead" if n % 4 else "viewer")
    people = many(Participant, (Participant(study=studies[n % 20], number=n, persona=persona) for n in range(200)))
    many(Consent, (Consent(participant=one, quotes=True, audience="team") for one in people))
    sessions = many(Session, (Session(study=studies[n % 20], started_at=timezone.now()) for n in range(rows // 50)))
    many(
        Observation,
        (
            Observation(
                session=sessions[n % len(sessions)],
                participant=people[n % len(sessions) % 200],
                at=n,
                text=text(n),
                quote=n % 2 == 0,
            )
            for n in range(rows // 2)
        ),
    )
    many(Insight, (Insight(study=studies[n % 20], persona=persona, title=text(n)[:200]) for n in range(rows // 20)))
    many(Case, (Case(study=studies[n % 20], title=text(n)[:160]) for n in range(rows // 20)))
    targets = many(Target, (Target(team=team, name="dummy", kind="dummy") for team in teams))
    template = Template.objects.create(name="bench", title="Bench")
    document = {"desirepath": 1, "template": "bench", "title": "everywhere", "flow": [{"id": "a", "uses": "manual"}]}
    revision = Revision.objects.create(
        template=template, number=1, digest="0" * 64, document=document, title="everywhere"
    )
    many(Template, (Template(name=f"t{n}", title=text(n)[:200]) for n in range(rows // 50)))
    places = many(
        Deployment,
        (
            Deployment(team=teams[n % 20], target=targets[n % 20], name=f"{chance.choice(WORDS)}-{n}")
            for n in range(rows // 10)
        ),
    )
    many(
        Run,
        (
            Run(
                revision=revision,
                team=teams[n % 20],
                target=targets[n % 20],
                deployment=places[(n % 500) * 20 + n % 20] if rows >= 100_000 else None,
            )
            for n in range(rows // 5)
        ),
    )
    return User.objects.get(pk=user.pk)


if __name__ == "__main__":
    main()
