"""Runs of a template, and the blocks they have open."""

import uuid
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from engine.models import prepared
from engine.models.event import Event
from engine.models.template import Revision
from engine.statuses import ENDED_RUNS, LIVE_STEPS, RunState, StepState

if TYPE_CHECKING:
    from datetime import datetime

    from engine.definition.flow import Flow
    from engine.models.step import StepRun
    from people.models import User


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__in=user.memberships.values("team"))

    def active(self) -> Self:
        return self.exclude(state__in=ENDED_RUNS)

    def real(self) -> Self:
        """Without the example's, which is left out of every number."""
        return self.filter(team__example=False)


class Run(models.Model):
    """One walk through a revision's flow, for one team, on one target."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # effects are named by it
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="runs")
    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="runs")
    target = models.ForeignKey("engine.Target", on_delete=models.PROTECT, related_name="runs")
    deployment = models.ForeignKey("engine.Deployment", null=True, on_delete=models.CASCADE, related_name="runs")
    inputs = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.RUNNING, db_index=True)
    reason = models.TextField(blank=True)  # why it failed, or who cancelled it
    idempotency_key = models.CharField(max_length=100, blank=True)
    schedule = models.ForeignKey("engine.Schedule", null=True, on_delete=models.SET_NULL, related_name="runs")
    resumed = models.PositiveIntegerField(default=0)  # how often: rows of what is run again are there already
    traffic_before = models.JSONField(null=True)  # {release number: weight} when the run began
    traffic_reached = models.JSONField(null=True)  # what it had come to when it failed; resume takes it up again
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="runs")
    started_at = models.DateTimeField(default=timezone.now, db_index=True)
    ended_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "idempotency_key"], condition=~models.Q(idempotency_key=""), name="one_run_per_key"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def flow(self) -> "Flow":
        return self.revision.parsed.flow

    @property
    def title(self) -> str:
        if self.deployment is None:
            return self.revision.title
        release = self.releases.order_by("number").last()
        name = f"{self.deployment.name} {release.number}" if release else self.deployment.name
        return f"{name} · {self.revision.title[:1].lower()}{self.revision.title[1:]}"

    @property
    def ended(self) -> bool:
        return self.state in ENDED_RUNS

    @property
    def until(self) -> "datetime":
        return self.ended_at or timezone.now()

    @property
    def seconds(self) -> float:
        return (self.until - self.started_at).total_seconds()

    def live_steps(self) -> "models.QuerySet[StepRun]":
        return self.steps.filter(state__in=LIVE_STEPS)

    def waiting_steps(self) -> "models.QuerySet[StepRun]":
        """The steps that wait for a person."""
        return self.steps.filter(state=StepState.WAITING, asking__isnull=False)

    def say(self, kind: str, text: str, *, actor: "User | None" = None, **data: Any) -> Event:
        return prepared.insert(
            Event(
                team_id=self.team_id, run_id=self.pk, deployment_id=self.deployment_id, kind=kind, text=text,
                actor=actor, data=data,
            )
        )  # fmt: skip


class Block(models.Model):
    """A block of the flow that is open: how many of its children are, and which round it is in.

    Stored so that a join costs one decrement, however large the run.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="blocks")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=250, blank=True)
    iteration = models.CharField(max_length=120, blank=True)  # "2.1": second round outside, first inside
    open_children = models.PositiveIntegerField(default=1)
    round = models.PositiveIntegerField(default=0)  # of a repeat; of a foreach, how many items have been opened
    total = models.PositiveIntegerField(null=True)  # of a foreach: how many items there are
    item = models.JSONField(null=True)  # of a foreach's inner sequence: its item
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "path", "iteration"], name="one_block_per_place")]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.path}[{self.iteration}]"
