"""What lives on: deployments, their releases, and how far each is from its persona's done."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from engine.models.event import Event
from engine.models.run import Run
from engine.statuses import CriterionState, DeploymentState, RunState
from engine.targets.base import Backend, Route
from engine.targets.base import Target as TargetAdapter

if TYPE_CHECKING:
    from engine.models.template import Revision
    from people.models import User

KEPT = timedelta(days=7)  # how long a removed deployment can be restored


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__memberships__user=user).distinct()

    def there(self) -> Self:
        return self.filter(removed_at=None)


class Deployment(models.Model):
    """The long-lived thing: team, target, name."""

    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="deployments")
    target = models.ForeignKey("engine.Target", on_delete=models.PROTECT, related_name="deployments")
    name = models.SlugField(max_length=40)
    persona = models.ForeignKey("people.Persona", null=True, on_delete=models.PROTECT, related_name="deployments")
    state = models.CharField(max_length=10, choices=DeploymentState.choices, default=DeploymentState.NEW)
    address = models.CharField(max_length=200, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)  # asked for; None: the target gives one
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    state_since = models.DateTimeField(default=timezone.now)
    judged_at = models.DateTimeField(null=True)  # when its criteria were last looked at
    removed_at = models.DateTimeField(null=True)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "target", "name"], name="one_deployment_per_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def route_name(self) -> str:
        """Its name on the target, where several teams live side by side."""
        return f"{self.team_id}-{self.name}"

    @property
    def live(self) -> "Release | None":
        """The release most requests go to."""
        return self.releases.filter(weight__gt=0).order_by("-weight", "-number").first()

    def traffic(self) -> dict[str, int]:
        """{release number: per cent} of those that run and may be sent requests."""
        return {str(r.number): r.weight for r in self.releases.usable()}

    def revision(self) -> "Revision | None":
        """The template its criteria come from: that of the run that made the newest release in use."""
        release = self.live or self.releases.order_by("-number").first()
        return release.run.revision if release and release.run else None

    def say(self, kind: str, text: str, *, actor: "User | None" = None, **data: Any) -> Event:
        return Event.objects.create(team_id=self.team_id, deployment=self, kind=kind, text=text, actor=actor, data=data)

    def become(self, state: str, why: str) -> None:
        """Change state and say so; the same state again says nothing."""
        changed = Deployment.objects.filter(pk=self.pk).exclude(state=state)
        if changed.update(state=state, state_since=timezone.now()):
            self.state = state
            self.say(f"deployment.{state}", why)

    def send(self, target: TargetAdapter, weights: Mapping[str, int], why: str, *, run: Run | None = None) -> bool:
        """Split its requests so, first on the target, then here. True when that changed anything.

        Safe to do again: the target changes nothing for the same route, and the rows are set, not moved.
        """
        releases = {str(r.number): r for r in self.releases.running() if str(r.number) in weights}
        if not releases:
            target.remove(self.route_name)
            self.releases.update(weight=0)
            Deployment.objects.filter(pk=self.pk).update(address="")
            self.become(DeploymentState.NEW, why)
            return True
        before = self.traffic()
        routed = target.route(self._route(releases, weights))
        with transaction.atomic():
            for number, release in releases.items():
                Release.objects.filter(pk=release.pk).update(weight=weights[number])
            self.releases.exclude(pk__in=[r.pk for r in releases.values()]).update(weight=0)
            Deployment.objects.filter(pk=self.pk).update(address=routed.address)
            self.address = routed.address
            changed = {k: v for k, v in before.items() if v} != {k: v for k, v in weights.items() if v}
            if changed:
                Event.objects.create(
                    team_id=self.team_id, deployment=self, run=run, kind="traffic.shifted", text=why,
                    data={"weights": dict(weights)},
                )  # fmt: skip
        return changed

    def _route(self, releases: "Mapping[str, Release]", weights: Mapping[str, int]) -> Route:
        backends = tuple(
            Backend(n, r.workload, weights[n]) for n, r in sorted(releases.items(), key=lambda i: int(i[0]))
        )
        others = [n for n in releases if n != max(weights, key=lambda k: (weights[k], int(k)))]
        fallback = max(others, key=int) if others else None
        return Route(self.route_name, backends, fallback, self.port)

    def shifted(self, release: "Release", traffic: int) -> dict[str, int]:
        """The weights when this release takes so many per cent and the rest keeps its proportions."""
        others = {n: w for n, w in self.traffic().items() if n != str(release.number)}
        if not others or (traffic == 0 and not any(others.values())):
            return {**dict.fromkeys(others, 0), str(release.number): 100}
        rest, whole = 100 - traffic, sum(others.values())
        if whole == 0:
            newest = max(others, key=int)
            shares = {n: rest if n == newest else 0 for n in others}
        else:
            shares = {n: w * rest // whole for n, w in others.items()}
            shares[max(others, key=lambda n: others[n])] += rest - sum(shares.values())
        return {**shares, str(release.number): traffic}


class ReleaseQuerySet(models.QuerySet["Release"]):
    def running(self) -> Self:
        return self.filter(retired_at=None).order_by("number")

    def usable(self) -> Self:
        """Those that run, without what failed runs left: it waits for a resume, and nobody may fall back to it."""
        return self.running().exclude(weight=0, run__state__in=(RunState.FAILED, RunState.CANCELLED))


class Release(models.Model):
    """One version of a deployment: what was put there, how, and what share of the requests it gets."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="releases")
    effect = models.CharField(max_length=80, unique=True)  # the step that made it: found again after a kill
    workload = models.CharField(max_length=120)
    artefact = models.CharField(max_length=64)
    artefact_name = models.CharField(max_length=255, blank=True)
    settings = models.JSONField(default=dict)
    weight = models.PositiveIntegerField(default=0)  # per cent
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True)  # its workload was stopped
    done_at = models.DateTimeField(null=True)  # when all criteria were first met
    rehearsed_at = models.DateTimeField(null=True)
    rehearsal = models.JSONField(default=dict)  # what endpoint.rehearse saw

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["deployment", "number"], name="one_release_per_number")]

    def __str__(self) -> str:
        return f"{self.deployment.name} {self.number}"

    def previous(self) -> "Release | None":
        """The one to go back to."""
        return self.deployment.releases.usable().filter(number__lt=self.number).last()


class CriterionResult(models.Model):
    """What a done criterion said, and from when to when it said so."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="results")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="results")
    criterion = models.CharField(max_length=63)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=CriterionState.choices)
    reason = models.TextField(blank=True)
    asking = models.JSONField(null=True)  # a manual criterion waits for a person
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    times = models.PositiveIntegerField(default=1)
    current = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["deployment", "current"], name="criterion_current")]

    def __str__(self) -> str:
        return f"{self.title}: {self.state}"


class Confirmation(models.Model):
    """A person said that a manual criterion is met by this release."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="confirmations")
    criterion = models.CharField(max_length=63)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "criterion"], name="one_confirmation_per_release")]

    def __str__(self) -> str:
        return f"{self.criterion} of {self.release} by {self.user}"
