"""A cell of a map: what the champion wrote in a lane of a step, beside what its evidence says."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from journeys.models.journey import JourneyMap, MapStep

if TYPE_CHECKING:
    from people.models import User


class Lane(models.TextChoices):
    DOES = "does", "Does"  # text
    TIME = "time", "Time"  # a duration, from the intervals that were seen
    SAYS = "says", "Says"  # quotes
    PAIN = "pain", "Pain"  # tags, with how many people
    REPEATS = "repeats", "Repeats"  # how often in one case


LANES = tuple(Lane)


class CellConflict(ValueError):
    """Somebody else changed the cell meanwhile; `theirs` is what it says now."""

    def __init__(self, theirs: "Cell") -> None:
        super().__init__("somebody else changed this cell meanwhile")
        self.theirs = theirs


class Cell(models.Model):
    step = models.ForeignKey(MapStep, on_delete=models.CASCADE, related_name="cells")
    lane = models.CharField(max_length=8, choices=Lane.choices)
    text = models.TextField(blank=True, max_length=2000)  # what the champion wrote; empty: the evidence speaks
    revision = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "lane"], name="one_cell_per_lane")]

    def __str__(self) -> str:
        return f"{self.step} · {self.get_lane_display()}"

    def write(self, text: str, user: "User", revision: int) -> None:
        """Save what somebody typed over revision `revision` of this cell. Raises CellConflict when it is old."""
        self._put(text, user, revision, undoes=None)

    def _put(self, text: str, user: "User", revision: int, undoes: "CellEdit | None") -> None:
        with transaction.atomic():
            mine = Cell.objects.filter(pk=self.pk, revision=revision)
            changes: dict[str, Any] = {"text": text.strip(), "changed_by": user, "changed_at": timezone.now()}
            if mine.update(**changes, revision=F("revision") + 1) != 1:
                raise CellConflict(Cell.objects.get(pk=self.pk))
            CellEdit.objects.create(cell=self, before=self.text, after=changes["text"], by=user, undoes=undoes)
            self.step.map.touched()
        self.refresh_from_db()


class CellEdit(models.Model):
    """Append-only: what a cell said before and after. An undo is an edit too, and names what it undid."""

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="edits")
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    undoes = models.OneToOneField("self", null=True, on_delete=models.CASCADE, related_name="undone_by")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.cell}: {self.before!r} → {self.after!r}"

    def undo(self, user: "User") -> None:
        """Put the cell back. Raises CellConflict when somebody has changed it since."""
        if self.cell.text != self.after:
            raise CellConflict(self.cell)
        self.cell._put(self.before, user, self.cell.revision, undoes=self)


def last_edit(map_: JourneyMap, user: "User") -> CellEdit | None:
    """This person's newest edit on the map that has not been undone: what Ctrl Z takes back."""
    mine = CellEdit.objects.filter(cell__step__map=map_, by=user, undoes=None, undone_by=None)
    return mine.select_related("cell__step__map").first()
