"""/api/runs/: start, list, look, answer, tell, pause, resume, cancel, compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.actions import plan_run
from engine.actions.resume import Resume, reset_set
from engine.actions.start_run import StartRun
from engine.api.common import after_of, body, refusals, team_of
from engine.api.serializers import (
    AnswerSerializer,
    ChangeSerializer,
    DiffSerializer,
    EventSerializer,
    LogSerializer,
    ResumeSerializer,
    RunSerializer,
    SignalSerializer,
    StartSerializer,
    StepSerializer,
    VoteSerializer,
    WholeRunSerializer,
)
from engine.models import Event, Revision, Run, Signal, StepRun, Template
from engine.runs import transitions
from engine.telemetry.comparison import compare
from people.access import fetch, may, visible
from people.models import Persona, User
from people.rest import Conflict, me


@extend_schema(methods=["GET"], responses=RunSerializer(many=True), operation_id="runs_list")
@extend_schema(
    methods=["POST"], request=StartSerializer, responses={201: RunSerializer, 200: ChangeSerializer(many=True)}
)
@api_view(["GET", "POST"])
def runs(request: Request) -> Response:
    """The newest hundred runs you may see; or start one."""
    if request.method == "GET":
        rows = visible(me(request), Run).select_related("revision__template", "team", "deployment", "started_by")
        return Response(RunSerializer(rows[:100], many=True).data)
    sent = body(request, StartSerializer)
    start = _start(me(request), sent)
    with refusals():
        if sent["dry_run"]:
            return Response(ChangeSerializer(plan_run.plan(start), many=True).data)
        return Response(RunSerializer(start.execute()).data, status=201)


def _start(user: User, sent: dict[str, Any]) -> StartRun:
    team = team_of(user, sent.get("team"))
    may(user, "start_in", team)
    return StartRun(
        revision=_revision(user, sent), team=team, user=user, inputs=sent["inputs"], name=sent.get("name", ""),
        port=sent.get("port"), idempotency_key=sent.get("idempotency_key", ""),
    )  # fmt: skip


def _revision(user: User, sent: dict[str, Any]) -> Revision:
    if name := sent.get("template"):
        template = fetch(user, Template, name=name)
        if number := sent.get("revision"):
            return fetch(user, template.revisions.all(), number=number)
        revision = template.published or template.latest
    else:
        persona = Persona.objects.filter(slug=sent["persona"]).first() if sent.get("persona") else user.persona
        published = Revision.objects.published_for(persona, taking=sent["inputs"])
        if published is None:
            raise ValidationError({"template": [f"No template is published for {persona or 'you'}; name one."]})
        revision = published
    return revision


@extend_schema(responses=WholeRunSerializer)
@api_view(["GET"])
def run(request: Request, pk: int) -> Response:
    return Response(WholeRunSerializer(fetch(me(request), Run, pk=pk)).data)


@extend_schema(
    responses=EventSerializer(many=True),
    parameters=[OpenApiParameter("after", int, description="events after this id")],
)
@api_view(["GET"])
def events(request: Request, pk: int) -> Response:
    """What happened in a run, the oldest first, 500 at a time."""
    run = fetch(me(request), Run, pk=pk)
    rows = Event.objects.filter(run=run).after(after_of(request)).select_related("step")
    return Response(EventSerializer(rows[:500], many=True).data)


def _move(request: Request, pk: int, verb: Callable[[Run, User], object]) -> Response:
    run = fetch(me(request), Run, "change", pk=pk)
    with refusals():
        verb(run, me(request))
    run.refresh_from_db()
    return Response(RunSerializer(run).data)


@extend_schema(request=None, responses=RunSerializer)
@api_view(["POST"])
def cancel(request: Request, pk: int) -> Response:
    """End it: what it started is stopped, its steps' undos are executed, the traffic is put back."""
    return _move(request, pk, transitions.cancel)


@extend_schema(request=None, responses=RunSerializer)
@api_view(["POST"])
def pause(request: Request, pk: int) -> Response:
    """Begin nothing new until it is continued."""
    return _move(request, pk, transitions.pause)


@extend_schema(request=None, responses=RunSerializer, operation_id="runs_continue")
@api_view(["POST"])
def go_on(request: Request, pk: int) -> Response:
    """Continue a paused run."""
    return _move(request, pk, transitions.go_on)


@extend_schema(methods=["GET"], responses=StepSerializer(many=True), operation_id="runs_resume_preview")
@extend_schema(methods=["POST"], request=ResumeSerializer, responses=RunSerializer)
@api_view(["GET", "POST"])
def resume(request: Request, pk: int) -> Response:
    """What resuming would run again; or resume, with corrected inputs where some are sent."""
    if request.method == "GET":
        return Response(StepSerializer(reset_set(fetch(me(request), Run, pk=pk)), many=True).data)
    inputs = body(request, ResumeSerializer)["inputs"]
    return _move(request, pk, lambda run, user: Resume(run, user, inputs).execute())


@extend_schema(request=SignalSerializer, responses={201: SignalSerializer})
@api_view(["POST"])
def tell(request: Request, pk: int) -> Response:
    """Tell a run that something happened; whatever waits for this name goes on."""
    run = fetch(me(request), Run, "change", pk=pk)
    if run.ended:
        raise Conflict(f"Run {pk} has ended; it waits for no event.")
    sent = body(request, SignalSerializer)
    Signal.send(run, sent["name"], sent["values"], me(request))
    return Response(sent, status=201)


@extend_schema(responses=DiffSerializer)
@api_view(["GET"])
def diff(request: Request, pk: int, other: int) -> Response:
    """Why this run differs from that one: `before` is the other."""
    after, before = (fetch(me(request), Run, pk=number) for number in (pk, other))
    return Response(DiffSerializer(compare(before, after)).data)


@extend_schema(request=VoteSerializer, responses=StepSerializer)
@api_view(["POST"])
def approve(request: Request, pk: int, leaf: str) -> Response:
    """Say yes or no to a step that asks for approval."""
    step = _asking(request, pk, leaf, "approve")
    if step.vote(me(request), **body(request, VoteSerializer)) is None:
        raise Conflict("Somebody answered before you, or you have voted already.")
    step.refresh_from_db()
    return Response(StepSerializer(step).data)


@extend_schema(request=AnswerSerializer, responses=StepSerializer)
@api_view(["POST"])
def confirm(request: Request, pk: int, leaf: str) -> Response:
    """Confirm a step done by hand, or decide which way to go."""
    step = _asking(request, pk, leaf, "confirm", "decide")
    if not step.confirm(me(request), **body(request, AnswerSerializer)):
        raise Conflict("Somebody answered before you.")
    step.refresh_from_db()
    return Response(StepSerializer(step).data)


def _asking(request: Request, pk: int, leaf: str, *verbs: str) -> StepRun:
    """The step of this run that asks; `leaf` is a leaf's id, or a step's number where it has none."""
    run = fetch(me(request), Run, pk=pk)
    steps = run.waiting_steps()
    step = steps.filter(pk=int(leaf)).first() if leaf.isdecimal() and len(leaf) < 18 else steps.filter(leaf=leaf).last()
    if step is None or step.asks is None or step.asks.verb not in verbs:
        asks = ", ".join(s.leaf or str(s.pk) for s in steps) or "no step"
        raise NotFound(f"Step {leaf} of run {pk} does not ask for this. Steps that wait for a person: {asks}.")
    if why := step.why_not(me(request)):
        raise Conflict(why)
    return step


@extend_schema(responses=LogSerializer, parameters=[OpenApiParameter("offset", int)])
@api_view(["GET"])
def logs(request: Request, pk: int, leaf: str) -> Response:
    """What the newest job of a step printed."""
    run = fetch(me(request), Run, pk=pk)
    step = run.steps.filter(leaf=leaf).order_by("pk").last()
    if step is None:
        raise NotFound(f"Run {pk} has no step {leaf} yet.")
    jobs = step.checkpoint.get("jobs", [])
    if not jobs:
        lines = step.events.filter(kind="step.log").values_list("text", flat=True)
        return Response({"text": "".join(f"{line}\n" for line in lines), "offset": 0})
    log = run.target.connect().logs(jobs[-1], offset=offset_of(request))
    return Response({"text": log.text, "offset": log.offset})


def offset_of(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    if not text.lstrip("-").isdecimal() or len(text) > 18:
        raise ValidationError({"offset": ["This is a number of bytes; a negative one counts from the end."]})
    return int(text)
