"""/api/runs/R/xes/ and /api/templates/T/xes/."""

from __future__ import annotations

from collections.abc import Iterable

from engine.models import Run
from tests.engine.api.conftest import Api, standard
from tests.engine.telemetry.test_xes import read


def text(answer: Iterable[bytes]) -> str:
    return b"".join(answer).decode()


def test_a_run_is_a_file_of_one_trace(as_bob: Api, run: Run) -> None:
    answer = as_bob.get(f"runs/{run.pk}/xes/")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="run-{run.pk}.xes"'
    (trace,) = read(text(answer))
    assert trace[0]["concept:name"] == "Train"


def test_a_template_has_the_runs_that_one_may_see(as_bob: Api, as_charlie: Api, run: Run) -> None:
    name = run.revision.template.name
    assert len(read(text(as_bob.get(f"templates/{name}/xes/")))) == 1
    assert read(text(as_charlie.get(f"templates/{name}/xes/"))) == []


def test_others_runs_do_not_exist(as_charlie: Api, as_nobody: Api, run: Run) -> None:
    standard(as_charlie.get(f"runs/{run.pk}/xes/"), 404)
    standard(as_nobody.get(f"runs/{run.pk}/xes/"), 401)
    standard(as_charlie.get("templates/none/xes/"), 404)
