"""One step of a run, and what people answered it."""

import hashlib
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from engine import doorbell
from engine.models import prepared
from engine.models.event import Event
from engine.models.run import Block, Run
from engine.outcomes import Answer, Asking
from engine.statuses import LIVE_STEPS, StepState
from people.models.team import Role

if TYPE_CHECKING:
    from engine.definition.flow import Leaf
    from people.models import User


class StepRunQuerySet(models.QuerySet["StepRun"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(run__team__in=user.memberships.values("team"))

    def asking(self) -> Self:
        """Those that wait for a person, the oldest first."""
        return self.filter(state=StepState.WAITING, asking__isnull=False).order_by("asked_at")

    def leaves(self) -> Self:
        return self.filter(purpose=StepRun.Purpose.LEAF)


class StepRun(models.Model):
    """Keyed by run, place in the flow and iteration. Written by the worker that holds its claim, and fenced by it."""

    class Purpose(models.TextChoices):
        LEAF = "leaf"  # executes a leaf's step kind
        DECIDE = "decide"  # answers a choice's or a repeat's question
        UNDO = "undo"  # puts back what the run changed
        COMPENSATE = "compensate"  # executes a leaf's own undo

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    block = models.ForeignKey(Block, null=True, on_delete=models.CASCADE, related_name="+")  # None: the root itself
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.LEAF)
    path = models.CharField(max_length=250, blank=True)
    leaf = models.CharField(max_length=250, blank=True)  # with the ids of the sub-templates around it
    iteration = models.CharField(max_length=120, blank=True)

    state = models.CharField(max_length=10, choices=StepState.choices, default=StepState.READY)
    attempt = models.PositiveIntegerField(default=1)  # counts tries after a recorded failure; effects are named by it
    claim = models.PositiveIntegerField(default=0)  # counts claims: the fencing token
    owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    undone = models.BooleanField(default=False)  # it succeeded, and its own undo has been executed since
    wake_requested = models.BooleanField(default=False)  # somebody answered while a worker had it: look again
    mutex = models.CharField(max_length=100, blank=True)  # "TEAM:NAME"
    queue = models.CharField(max_length=100, blank=True)  # what it waits for its turn at: engine.queue.concurrency

    checkpoint = models.JSONField(default=dict)  # what the kind wants to know again after a restart
    outputs = models.JSONField(default=dict)
    note = models.CharField(max_length=300, blank=True)
    reason = models.TextField(blank=True)
    asking = models.JSONField(null=True)  # outcomes.Asking.stored
    asked_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)  # outcomes.Answer.stored

    made_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)  # of this attempt
    ended_at = models.DateTimeField(null=True)

    objects = StepRunQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "path", "iteration", "purpose"], name="one_step_per_place")
        ]
        indexes = [
            # One index per question the claim loop asks: a combined one was ten times slower (field/engine.md).
            models.Index(fields=["id"], condition=models.Q(state="ready"), name="step_ready"),
            models.Index(fields=["wake_at"], condition=models.Q(state="waiting"), name="step_waiting"),
            models.Index(fields=["lease_until"], condition=models.Q(state="running"), name="step_leased"),
            models.Index(fields=["run", "leaf", "id"], name="step_run_leaf"),
            models.Index(fields=["queue", "id"], condition=~models.Q(queue=""), name="step_queue"),
            models.Index(
                fields=["mutex"], condition=~models.Q(mutex="") & models.Q(state__in=LIVE_STEPS), name="step_mutex"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.leaf or self.purpose}[{self.iteration}]"

    @property
    def definition(self) -> "Leaf":
        """The leaf it executes: itself, or its own undo."""
        leaf = self.run.flow.leaf(self.leaf)
        if self.purpose == self.Purpose.COMPENSATE:
            assert leaf.compensate
            return leaf.compensate
        return leaf

    @property
    def title(self) -> str:
        if self.leaf:
            return self.definition.name
        return "Put back" if self.purpose == self.Purpose.UNDO else "Decide"

    @property
    def seconds(self) -> float | None:
        if self.started_at is None:
            return None
        return ((self.ended_at or timezone.now()) - self.started_at).total_seconds()

    def effect_name(self, what: str, *, each_attempt: bool = False) -> str:
        """The same name for the same effect of this step, whichever worker makes it: `eval-3f2a91c04d7e`."""
        parts = [str(self.run.key), self.leaf or self.path, self.iteration]
        parts += [str(self.purpose)] if self.purpose == self.Purpose.COMPENSATE else []
        parts += [str(self.attempt)] if each_attempt else []
        return f"{what}-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:12]}"

    def say(self, kind: str, text: str, *, actor: "User | None" = None, **data: Any) -> Event:
        return prepared.insert(
            Event(
                team_id=self.run.team_id, run_id=self.run_id, step_id=self.pk, deployment_id=self.run.deployment_id,
                kind=kind, text=text, actor=actor, data=data,
            )
        )  # fmt: skip

    @property
    def asks(self) -> Asking | None:
        """What it waits for from a person; None while it waits for nobody."""
        return Asking.read(self.asking) if self.asking else None

    @property
    def answered(self) -> Answer | None:
        """What somebody answered; None before."""
        return Answer.read(self.answer) if self.answer else None

    def may_answer(self, user: "User") -> bool:
        """Whether it is this person whom the step waits for."""
        return self.state in LIVE_STEPS and self.why_not(user) == ""

    def why_not(self, user: "User") -> str:
        """Why this person may not answer what it asks, or nothing."""
        asks = self.asks
        if asks is None or not self.run.team.has(user):
            return "This waits for nobody."
        if user.username in asks.needs.barred:
            return "A second person has to say so: you started this."
        if any(self._is(user, group) for group in asks.by):
            return ""
        return f"This waits for {' or '.join(asks.by)}, not for you."

    def _is(self, user: "User", group: str) -> bool:
        if group == "team":
            return self.run.team.has(user, "engineer", "champion", "admin")
        if group == "champion":
            return user.champions(self.run.revision.persona_id)
        return user.username == group or (group in Role.values and self.run.team.has(user, group))

    def confirm(self, user: "User", values: dict[str, Any] | None = None, comment: str = "") -> bool:
        """Store the answer and wake the step. False when somebody else answered first."""
        answer = Answer(user.username, timezone.now().isoformat(), values or {}, comment).stored()
        with transaction.atomic():
            waiting = StepRun.objects.filter(pk=self.pk, state=StepState.WAITING, asking__isnull=False)
            if waiting.update(state=StepState.READY, asking=None, wake_at=None, queue="", answer=answer) != 1:
                return False
            transaction.on_commit(doorbell.ring)
            self.say("step.answered", f"{user.name} confirmed{': ' + comment if comment else ''}", actor=user, **answer)
        return True

    def vote(self, user: "User", *, approve: bool, comment: str = "") -> "Vote | None":
        """Store a vote and wake the step. None when the step no longer asks, or this person has voted.

        Counted also while a worker looks at the votes of others: two people who say yes at once are two.
        """
        with transaction.atomic():
            # Who changes a run queues here, on PostgreSQL: a worker that looks at the votes has seen this one, or it is
            # told to look again.
            Run.objects.select_for_update(no_key=True).get(pk=self.run_id)
            asks = StepRun.objects.filter(pk=self.pk, state__in=LIVE_STEPS, attempt=self.attempt, asking__isnull=False)
            if not asks.exists():
                return None
            vote, made = Vote.objects.get_or_create(
                step=self, user=user, attempt=self.attempt, defaults={"approve": approve, "comment": comment}
            )
            if not made:
                return None
            word = "approved" if approve else "refused"
            self.say(f"step.{word}", f"{user.name} {word}{': ' + comment if comment else ''}", actor=user)
            self.wake()
        return vote

    def wake(self) -> None:
        """Make the step ready; while a worker executes it, it becomes ready when that execution ends."""
        same = StepRun.objects.filter(pk=self.pk)
        if same.filter(state=StepState.WAITING).update(state=StepState.READY, wake_at=None, queue=""):
            transaction.on_commit(doorbell.ring)
        else:
            same.filter(state=StepState.RUNNING).update(wake_requested=True)


class Vote(models.Model):
    """Append-only: one person's yes or no."""

    step = models.ForeignKey(StepRun, on_delete=models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approve = models.BooleanField()
    comment = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=1)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["step", "user", "attempt"], name="one_vote_each")]

    def __str__(self) -> str:
        return f"{self.user}: {'yes' if self.approve else 'no'}"
