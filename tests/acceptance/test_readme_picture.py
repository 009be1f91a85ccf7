"""The README's picture: a run of the example's template, half way, as an engineer sees it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from engine.models import CriterionResult, Deployment, Run, StepRun, Target
from engine.statuses import StepState
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey
from people.models import Team
from server import example
from tests.acceptance.conftest import CHECKOUT, shoot, sign_in
from tests.thread import release

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Each step: its round, how it stands, how many seconds it took, and what it says.
STORY = [
    ("inspect", 1, "succeeded", 2.1, "Pipeline, 10 columns, scikit-learn 1.7.2"),
    ("measure", 1, "succeeded", 3.9, "auc 0.607 (0.546 to 0.665), worse than live at 0.748"),
    ("retrain", 1, "succeeded", 640, "confirmed by Ines: a forest on all ten features"),
    ("inspect", 2, "succeeded", 2.7, "Pipeline, 10 columns, scikit-learn 1.7.2"),
    ("measure", 2, "succeeded", 5.1, "auc 0.818 (0.756 to 0.867), no worse than live at 0.748"),
    ("parity", 0, "succeeded", 6.3, "10 of 10 columns, no warnings"),
    ("preview", 0, "succeeded", 7.8, "version 4 answers as ONNX, as a preview"),
    ("tenth", 0, "succeeded", 0.3, "10 % of requests go to version 4"),
    ("compare", 0, "running", 420, "120 of 200 requests"),
]


def tell(run: Run) -> None:
    """Lay the story down, as the engine would have."""
    at = run.started_at
    for leaf, round_, state, took, says in STORY:
        path = ".".join(map(str, run.flow.leaf_paths[leaf]))
        until = at + timedelta(seconds=took)
        ended = until if state == StepState.SUCCEEDED else None
        iteration = str(round_) if round_ else ""
        step = StepRun.objects.create(
            run=run, leaf=leaf, path=path, iteration=iteration, state=state, note=says, started_at=at, ended_at=ended,
            lease_until=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        step.say(f"step.{state}", says)
        at = until


@pytest.fixture
def half_way(ml: Any) -> Run:
    study = example.LoadExample(example.MODELS).execute()
    people, team = example.people(), Team.objects.get(slug="example")
    journey = Journey.objects.create(
        persona=ml, study=study, slug="model-to-production", title="From model to endpoint"
    )
    DraftCurrent(journey).execute()
    revision = DeriveTemplate(ImportIdeal(journey, example.MODELS.ideal()).execute(), people["ines"]).execute()
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    live = Deployment.objects.create(team=team, target=target, name="fraud-score", persona=ml, state="deployed")
    begun = timezone.now() - timedelta(seconds=sum(took for *_, took, _ in STORY))
    run = Run.objects.create(
        revision=revision, team=team, target=target, deployment=live, started_by=people["mira"], started_at=begun
    )
    shown = release(live, 4, 100, run)
    for criterion, title, state, reason in (
        ("answers", "Serving predictions", "met", "version 4 answers in 8 ms, 10 % of requests"),
        ("as-good", "As good as the baseline", "met", "auc 0.818, at least 0.748"),
        ("drift", "Drift is watched", "open", "confirm by hand that somebody watches drift"),
        ("fallback", "Fallback works", "open", "not rehearsed for this version yet"),
    ):
        CriterionResult.objects.create(
            deployment=live, release=shown, criterion=criterion, title=title, state=state, reason=reason
        )
    tell(run)
    return run


def test_the_readme_shows_a_run_half_way(page, server, half_way):
    mira = half_way.started_by
    mira.set_password("walk the grass")
    mira.save()
    sign_in(page, server, "mira")
    page.set_viewport_size({"width": 1280, "height": 980})
    page.goto(f"{server.url}/runs/{half_way.pk}/")
    expect(page.locator(".why li")).to_have_count(11)
    picture = CHECKOUT / "docs" / "screenshot.png"
    picture.parent.mkdir(exist_ok=True)
    page.screenshot(path=str(picture), animations="disabled")
    assert picture.stat().st_size < 300_000
    shoot(page, server, "run")
    page.goto(f"{server.url}/journeys/model-to-production/")
    shoot(page, server, "map")
