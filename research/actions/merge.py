"""Make one observation of two: both texts, the whole time, and what rested on the other rests on this one."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from research.models import InsightEvidence, Observation


@dataclass(frozen=True)
class Merge:
    kept: Observation
    other: Observation

    def check(self) -> None:
        """Raises ValidationError when the two cannot be one."""
        if self.other.session_id != self.kept.session_id or self.other.pk == self.kept.pk:
            raise ValidationError("Only two observations of the same session can become one.")
        if self.other.participant_id != self.kept.participant_id:
            raise ValidationError(
                "The observations are of two participants with separate consents, so they cannot be merged."
            )

    def execute(self) -> None:
        self.check()
        kept, other = self.kept, self.other
        with transaction.atomic():
            kept.take_turn()
            other.take_turn()
            ends = [end for entry in (kept, other) for end in (entry.at, entry.until) if end is not None]
            kept.change(
                text="\n".join(text for text in (kept.text, other.text) if text),
                at=min(kept.at, other.at),
                until=max(ends) if kept.until is not None or other.until is not None else None,
                quote=kept.quote or other.quote,
                marked=kept.marked or other.marked,
                activity=kept.activity or other.activity,
            )
            known = kept.in_insights.values("insight")
            InsightEvidence.objects.filter(observation=other).exclude(insight__in=known).update(observation=kept)
            other.mark_removed(timezone.now())
