"""What is being done to a deployment at this moment, and which judgement of it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

PERIOD = timedelta(seconds=60)  # between two judgements of a deployment that is done
SOON = timedelta(seconds=15)  # and of one that is not: somebody waits for it


class ChangeKind(StrEnum):
    """Each by the column that holds its expiry."""

    BY_HAND = "held_until"  # a person changes it: no run starts on it, and nobody else changes it by hand
    MOVE = "moving_until"  # its requests, or the workers of its releases, are being moved

    @property
    def longest(self) -> timedelta:
        return timedelta(minutes=5) if self is ChangeKind.BY_HAND else timedelta(seconds=60)


@dataclass(frozen=True)
class ChangeState:
    """The protocol of changes and judgements of a deployment: the only account of its four columns.

    A change starts with `begin`, which stores its expiry, and finishes with `end`, which clears it. The change of a
    process that died expires. No judgement is due during a change.

    `end` stores `changed_at` and clears `judged_at`, so the deployment is due at once. A judgement that started before
    the change is discarded, because it read another `changed_at`. `end` is one UPDATE, because a judge could run
    between two: it would find a deployment that is at rest and has not changed.
    """

    held_until: datetime | None
    moving_until: datetime | None
    changed_at: datetime
    judged_at: datetime | None

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now

    def at_rest(self, now: datetime) -> bool:
        """Whether nobody is changing it."""
        return not self.is_held(now) and not (self.moving_until and self.moving_until > now)

    def confirms(self, earlier: ChangeState, now: datetime) -> bool:
        """Whether a judgement still counts. `earlier` is from `begin_judgement`: its `judged_at` is when it started.

        One that started during a change is discarded too, because a change that expires leaves `changed_at` as it was.
        """
        rested = earlier.at_rest(earlier.judged_at or now) and self.at_rest(now)
        return rested and self.changed_at == earlier.changed_at


def due(now: datetime, done: Q) -> Q:
    """The deployments at rest that are to be judged now."""
    overdue = Q(judged_at=None) | Q(judged_at__lt=now - PERIOD) | Q(judged_at__lt=now - SOON) & ~done
    return ~Q(held_until__gt=now) & ~Q(moving_until__gt=now) & overdue


class Changing(models.Model):
    """The columns of `ChangeState`. No other code writes them."""

    held_until = models.DateTimeField(null=True)
    moving_until = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(default=timezone.now)
    judged_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def _row(self) -> models.QuerySet[Self]:
        return type(self)._default_manager.filter(pk=self.pk)

    @property
    def change_state(self) -> ChangeState:
        return ChangeState(self.held_until, self.moving_until, self.changed_at, self.judged_at)

    def begin(self, change: ChangeKind) -> datetime:
        """Begin a change, or extend it. Returns its expiry."""
        until = timezone.now() + change.longest
        self._row().update(**{change: until})
        return until

    def end(self, change: ChangeKind, until: datetime | None = None) -> None:
        """End a change. With `until`, a change that somebody else began after that expiry goes on."""
        changed = {"changed_at": timezone.now(), "judged_at": None}
        mine = self._row().filter(**({change: until} if until else {}))
        if not mine.update(**changed, **{change: None}):
            self._row().update(**changed)

    def changed(self) -> None:
        """A change that took no time."""
        self._row().update(changed_at=timezone.now(), judged_at=None)

    def take_judgement(self) -> bool:
        """Whether this caller judges it: of several that read it as due, one succeeds."""
        return self._row().filter(judged_at=self.judged_at).update(judged_at=timezone.now()) == 1

    def begin_judgement(self) -> ChangeState:
        """The state to pass to `ChangeState.confirms` when the judgement ends."""
        self._row().update(judged_at=timezone.now())
        return self._row().get().change_state
