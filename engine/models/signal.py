"""What a run is told from outside: “payment-received”. A `first` block takes it, once."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from engine.models.run import Run
from engine.models.step import StepRun
from engine.statuses import LIVE_STEPS, StepState

if TYPE_CHECKING:
    from people.models import User


class Signal(models.Model):
    """Kept until a step takes it, so that what comes before somebody waits for it is not lost."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="signals")
    name = models.CharField(max_length=63)
    data = models.JSONField(default=dict)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    taken_by = models.ForeignKey(StepRun, null=True, on_delete=models.SET_NULL, related_name="signals")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.name} to {self.run}"

    @classmethod
    def send(cls, run: Run, name: str, data: dict[str, Any], user: "User | None") -> "Signal":
        """Tell the run; whatever waits for this name looks again."""
        with transaction.atomic():
            Run.objects.select_for_update(no_key=True).get(pk=run.pk)  # who changes several steps of a run queues here
            sent = cls.objects.create(run=run, name=name, data=data, sent_by=user)
            run.say("run.told", f"{user.name if user else 'Somebody'} told the run: {name}", actor=user, data=data)
            run.steps.filter(state=StepState.RUNNING).update(wake_requested=True)  # it may be about to wait for this
            for step in _waiting_for(run, name):
                step.wake()
        return sent

    @classmethod
    def take(cls, step: StepRun, name: str) -> "Signal | None":
        """The oldest of this name that nobody has taken, or the one this step took already."""
        mine = cls.objects.filter(run=step.run_id, name=name)
        if had := mine.filter(taken_by=step).first():
            return had
        for signal in mine.filter(taken_by=None):
            if mine.filter(pk=signal.pk, taken_by=None).update(taken_by=step) == 1:
                return signal
        return None


def _waiting_for(run: Run, name: str) -> list[StepRun]:
    live = run.steps.filter(state__in=LIVE_STEPS).exclude(asking=None)
    return [step for step in live if step.asks and name in step.asks.needs.events]
