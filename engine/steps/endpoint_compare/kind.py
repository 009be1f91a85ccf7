"""endpoint.compare: the new release beside the live one. The holdout decides; real requests can only veto."""

from typing import Any

from django.utils import timezone
from pydantic import Field

from engine.models import Release
from engine.outcomes import Outcome, Succeeded
from engine.steps import model_jobs
from engine.steps.base import FileValue, Form, NotYet, Planning, Step, StepKind
from engine.targets.base import Change, Counts

NONE = Counts(0, 0, 0, None, None)


class CompareForm(Form):
    holdout: FileValue | None = Field(None, description="rows with the truth, as CSV")
    label: str | None = Field(None, description="the column of the truth")
    requests: int = Field(20, ge=0, description="how many the new one should have answered before a verdict")
    at_most: float = Field(60, ge=0, description="seconds to wait for them, so that no traffic cannot hang it")
    margin: float = Field(0.0, ge=0, description="a difference smaller than this counts as none")
    more_errors: float = Field(
        0.02, ge=0, le=1, description="share of failed requests above the live one's that vetoes"
    )
    slower: float = Field(3.0, ge=1, description="times the live one's p95 that vetoes")


class EndpointCompare(StepKind):
    name = "endpoint.compare"
    form = CompareForm
    outputs = {
        "verdict": "text", "difference": "number", "low": "number", "high": "number", "n": "integer", "metric": "text",
        "requests": "integer", "errors": "integer", "veto": "text",
    }  # fmt: skip

    def run(self, step: Step[CompareForm]) -> Outcome:
        release, live = step.release, live_beside(step)
        if live is None:
            return Succeeded({"verdict": "first"}, "the only version: nothing to compare with")
        held = self._holdout(step, release, live)
        counts = step.target.counts(step.deployment.route_name)
        mine, theirs = counts.get(str(release.number), NONE), counts.get(str(live.number), NONE)
        waited = (timezone.now() - step.row.started_at).total_seconds() if step.row.started_at else 0.0
        if mine.requests < step.form.requests and waited < step.form.at_most:
            raise NotYet(0.3, f"{mine.requests} of {step.form.requests} requests")
        stop = veto(mine, theirs, more_errors=step.form.more_errors, slower=step.form.slower)
        verdict = "worse" if stop else held.get("verdict", "unknown")
        low, high = held.get("interval", (None, None))
        outputs = {
            "verdict": verdict, "difference": held.get("difference"), "low": low, "high": high, "n": held.get("n"),
            "metric": held.get("metric", ""), "requests": mine.requests, "errors": mine.errors, "veto": stop,
        }  # fmt: skip
        return Succeeded(outputs, sentence(outputs, live))

    def _holdout(self, step: Step[CompareForm], release: Release, live: Release) -> dict[str, Any]:
        """The paired difference on the same rows. Each model is opened in its own environment."""
        form = step.form
        if form.holdout is None or form.label is None:
            return {}
        mine = FileValue(sha256=release.artefact, name=release.artefact_name)
        theirs = FileValue(sha256=live.artefact, name=live.artefact_name)
        scored = model_jobs.evaluate(step, theirs, form.holdout, form.label, what="score-live")
        scores = f"{{artefact:{scored.files['scores.json']}}}"
        return model_jobs.model_job(
            step, "compare", mine, holdout=form.holdout, label=form.label,
            more=["--live-scores", scores, "--margin", str(form.margin)],
        ).result  # fmt: skip

    def plan(self, planning: Planning[Any]) -> list[Change]:
        live = planning.deployment.live if planning.deployment else None
        return [Change("measure", f"the new version beside {live}" if live else "nothing: it is the first version")]


def live_beside(step: Step[CompareForm]) -> Release | None:
    """The release that had most of the requests before this run's."""
    others = step.deployment.releases.usable().exclude(pk=step.release.pk)
    return others.filter(weight__gt=0).order_by("-weight", "-number").first() or others.order_by("-number").first()


def veto(mine: Counts, theirs: Counts, *, more_errors: float, slower: float) -> str:
    """Why real requests veto the new release, or "". Pure.

    Below 20 requests nothing is said of latency; a single failure below 5 requests says nothing either.
    """
    if mine.requests >= 5:
        share = mine.errors / mine.requests
        usual = theirs.errors / theirs.requests if theirs.requests else 0.0
        if share > usual + more_errors:
            return f"{mine.errors} of {mine.requests} requests failed ({share:.0%}; live {usual:.0%})"
    mine_p95, their_p95 = mine.latency_ms_p95, theirs.latency_ms_p95
    enough = mine.requests >= 20 and theirs.requests >= 20
    # 20 ms of grace: on a fast endpoint a factor alone would veto the noise of the machine.
    if enough and mine_p95 and their_p95 and mine_p95 > slower * their_p95 + 20:
        return f"p95 is {mine_p95:.0f} ms; live {their_p95:.0f} ms"
    return ""


def sentence(outputs: dict[str, Any], live: Release) -> str:
    """The verdict for a person, with its numbers. Pure but for the live release's number."""
    if outputs["veto"]:
        return f"worse than version {live.number}: {outputs['veto']}"
    if outputs["difference"] is None:
        return f"not compared on a holdout; {outputs['requests']} requests, {outputs['errors']} failed"
    word = {"better": "better than", "same": "as good as", "worse": "worse than"}[outputs["verdict"]]
    figures = f"{outputs['difference']:+.3f} {outputs['metric']} ({outputs['low']:+.3f} to {outputs['high']:+.3f})"
    return f"{word} version {live.number}: {figures}, n {outputs['n']}; {outputs['requests']} requests"


KIND = EndpointCompare()
