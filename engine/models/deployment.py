"""What lives on: deployments, their releases, and how far each is from its persona's done."""

import dataclasses
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from engine.models import changing
from engine.models.changing import ChangeKind, Changing
from engine.models.event import Event
from engine.models.release_settings import Program, RunningApp, ServedModel
from engine.models.run import Run
from engine.models.setting import problem_with, sealed
from engine.statuses import CriterionState, DeploymentState, RunState
from engine.targets.base import Backend, Route
from engine.targets.base import Target as TargetAdapter
from lib import names
from lib.statistics import Rate
from people.keys import KeyField

if TYPE_CHECKING:
    from engine.models.template import Revision
    from people.models import Persona, User

KEPT = timedelta(days=7)  # how long a removed deployment can be restored
ANSWERED = (DeploymentState.DEPLOYED, DeploymentState.DONE, DeploymentState.REGRESSED)


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__memberships__user=user).distinct()

    def there(self) -> Self:
        return self.filter(removed_at=None)

    def due(self) -> Self:
        """Live deployments whose criteria are to be judged now."""
        live = self.there().filter(releases__weight__gt=0)
        return live.filter(changing.due(timezone.now(), models.Q(state=DeploymentState.DONE))).distinct()

    def of_persona(self, persona: "Persona | None") -> Self:
        """The deployments of this persona and of none; all of them without a persona."""
        return self.filter(models.Q(persona=persona) | models.Q(persona=None)) if persona else self

    def rate(self) -> Rate:
        """How many are done, of those that have ever answered and were not removed.

        Deployments of the example count only when there are no others.
        """
        kinds = [f"deployment.{state}" for state in ANSWERED]
        answered_once = Event.objects.filter(deployment=models.OuterRef("pk"), kind__in=kinds)
        answered = self.there().filter(models.Q(state__in=ANSWERED) | models.Exists(answered_once))
        real = answered.exclude(team__example=True)
        states = list((real if real.exists() else answered).values_list("pk", "state"))
        return Rate(sum(state == DeploymentState.DONE for _, state in states), len(states))


class Deployment(Changing):
    """The long-lived thing: team, target, name."""

    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="deployments")
    target = models.ForeignKey("engine.Target", on_delete=models.PROTECT, related_name="deployments")
    name = KeyField(max_length=40)
    persona = models.ForeignKey("people.Persona", null=True, on_delete=models.PROTECT, related_name="deployments")
    state = models.CharField(max_length=10, choices=DeploymentState.choices, default=DeploymentState.NEW)
    address = models.CharField(max_length=200, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)  # asked for; None: the target gives one
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    state_since = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True)
    scale = models.JSONField(default=dict)  # process → how many of it, where somebody has said so

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["team", "target", "name"], name="one_deployment_per_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def route_name(self) -> str:
        """Its name on the target, where several teams live side by side."""
        return f"{self.team_id}-{self.plain_name}"

    def namesake(self) -> "Deployment | None":
        """Another deployment of this team and target that would run under the same plain name."""
        others = Deployment.objects.filter(team=self.team_id, target=self.target_id).exclude(pk=self.pk)
        return next((other for other in others if other.plain_name == self.plain_name), None)

    @property
    def plain_name(self) -> str:
        """Its name in ASCII: for programs, labels and paths, which take no other letters. A plain name is itself."""
        return names.safe(self.name)

    @property
    def live(self) -> "Release | None":
        """The release most requests go to."""
        return self.releases.filter(weight__gt=0).order_by("-weight", "-number").first()

    def progress(self) -> tuple[int, int]:
        """How many criteria are met, of how many."""
        states = list(self.results.filter(current=True).values_list("state", flat=True))
        return states.count(CriterionState.MET), len(states)

    def running(self) -> list[dict[str, Any]]:
        """The processes of the live release, as the target finds them: {"name", "state", "reason", "starts", …}."""
        live = self.live
        if live is None or not live.programs:
            return []
        target = self.target.connect()
        return [{"name": name, **vars(target.status(workload))} for name, workload in live.processes.items()]

    def traffic(self) -> dict[str, int]:
        """{release number: per cent} of those that run and may be sent requests."""
        return {str(r.number): r.weight for r in self.releases.usable()}

    def revision(self) -> "Revision | None":
        """The template its criteria come from: that of the run that made the newest release in use."""
        release = self.live or self.releases.order_by("-number").first()
        return release.run.revision if release and release.run else None

    def reserve(self, effect: str, run: Run, artefact: Mapping[str, Any], workload: str = "") -> "Release":
        """The release that a step makes, created once: after a kill the step's effect name leads to it again."""
        release = Release.objects.select_related("deployment").filter(effect=effect).first()
        if release is None:
            with transaction.atomic():
                # One at a time, so that each release gets its own number.
                Deployment.objects.select_for_update(no_key=True).get(pk=self.pk)
                last = self.releases.order_by("-number").first()
                release = Release.objects.create(
                    deployment=self, number=last.number + 1 if last else 1, run=run, effect=effect,
                    workload=workload or effect,
                    artefact=artefact["sha256"], artefact_name=artefact["name"],
                )  # fmt: skip
        return release

    def retire_older(self, target: TargetAdapter, release: "Release", run: Run | None) -> None:
        """Keep this release and the one before it, to fall back to; stop what is older."""
        before = release.previous()
        kept = [release.pk, *([before.pk] if before else [])]
        older = list(self.releases.running().exclude(pk__in=kept))
        gone = {str(old.number) for old in older}
        # Route, stop, then note, so that a kill between two of them leaves work that the next call does again.
        self.send(target, {n: weight for n, weight in self.traffic().items() if n not in gone}, "", run=run)
        for old in older:
            old.stop(target, for_good=True)
            Release.objects.filter(pk=old.pk).update(retired_at=timezone.now(), weight=0)

    # --- its settings ---

    def configured(self) -> set[str]:
        """The names of its settings."""
        return set(self.config.values_list("key", flat=True))

    def settings(self) -> dict[str, str]:
        """The values, for its programs only: never show or log them. Raises Sealed."""
        return {row.key: row.value for row in self.config.all()}

    def configure(self, values: Mapping[str, str | None], user: "User | None") -> None:
        """Set values, or remove them (None). Running programs keep theirs. Raises ValueError before any change."""
        if problems := [text for key, value in values.items() if (text := problem_with(key, value))]:
            raise ValueError("; ".join(problems))
        with transaction.atomic():
            for key, value in values.items():
                if value is None:
                    self.config.filter(key=key).delete()
                else:
                    held = {"sealed": sealed(value), "set_at": timezone.now(), "set_by": user}
                    self.config.update_or_create(key=key, defaults=held)
            if values:
                self._say_configured(values, user)

    def _say_configured(self, values: Mapping[str, str | None], user: "User | None") -> None:
        done = {
            "set": [k for k, v in values.items() if v is not None],
            "removed": [k for k, v in values.items() if v is None],
        }
        text = ", ".join(f"{verb} {' '.join(keys)}" for verb, keys in done.items() if keys)
        self.say("deployment.configured", f"{user.name if user else 'Its app.json'} {text}", actor=user, **done)

    def say(self, kind: str, text: str, *, actor: "User | None" = None, **data: Any) -> Event:
        return Event.objects.create(team_id=self.team_id, deployment=self, kind=kind, text=text, actor=actor, data=data)

    def become(self, state: str, why: str) -> None:
        """Change the state and write an event; the same state again writes none."""
        changed = Deployment.objects.filter(pk=self.pk).exclude(state=state)
        if changed.update(state=state, state_since=timezone.now()):
            self.state = state
            self.say(f"deployment.{state}", why)

    def send(
        self, target: TargetAdapter, weights: Mapping[str, int], why: str, *, run: Run | None = None,
        for_a_moment: bool = False,
    ) -> bool:  # fmt: skip
        """Split its requests by these weights, on the target and then in the rows. True when that changed anything.

        Workers run only in the release with most of the requests. With `for_a_moment` they stay where they are, and the
        caller has to send the requests back and end the move. Safe to repeat with the same weights.
        """
        self.begin(ChangeKind.MOVE)
        try:
            return self._send(target, weights, why, run, for_a_moment)
        finally:
            if not for_a_moment:
                self.end(ChangeKind.MOVE)

    def _send(
        self, target: TargetAdapter, weights: Mapping[str, int], why: str, run: Run | None, for_a_moment: bool
    ) -> bool:  # fmt: skip
        releases = {str(r.number): r for r in self.releases.running() if str(r.number) in weights}
        if not releases:
            target.remove(self.route_name)
            for release in self.releases.running():
                release.rest(target)
            self.releases.update(weight=0)
            Deployment.objects.filter(pk=self.pk).update(address="")
            self.become(DeploymentState.NEW, why)
            return True
        before = self.traffic()
        address = self._routed(target, releases, weights)
        if not for_a_moment:
            self._move_the_rest(target, _main(weights))
        with transaction.atomic():
            for number, release in releases.items():
                Release.objects.filter(pk=release.pk).update(weight=weights[number])
            self.releases.exclude(pk__in=[r.pk for r in releases.values()]).update(weight=0)
            Deployment.objects.filter(pk=self.pk).update(address=address)
            self.address = address
            changed = {k: v for k, v in before.items() if v} != {k: v for k, v in weights.items() if v}
            if changed:
                Event.objects.create(
                    team_id=self.team_id, deployment=self, run=run, kind="traffic.shifted", text=why,
                    data={"weights": dict(weights)},
                )  # fmt: skip
        return changed

    def _routed(self, target: TargetAdapter, releases: "Mapping[str, Release]", weights: Mapping[str, int]) -> str:
        """Set the route and return its address; "" when the main release answers no requests."""
        main = releases.get(_main(weights))
        if main is None or not main.answering:
            target.remove(self.route_name)
            return ""
        answering = {number: release for number, release in releases.items() if release.answering}
        return target.route(self._route(answering, weights)).address

    def _route(self, releases: "Mapping[str, Release]", weights: Mapping[str, int]) -> Route:
        backends = tuple(
            Backend(n, r.answering[0], weights[n], r.answering[1:])
            for n, r in sorted(releases.items(), key=lambda i: int(i[0]))
        )
        main = _main(weights)
        others = [number for number in releases if number != main]
        before = releases[main].previous() if main in releases else None
        nearest = str(before.number) if before and str(before.number) in others else None
        fallback = nearest or max(others, key=int, default=None)
        own_errors = any(r.programs for r in releases.values())
        return Route(self.route_name, backends, fallback, self.port, own_errors)

    def _move_the_rest(self, target: TargetAdapter, main: str) -> None:
        """Stop the workers of other releases before those of `main` start: both would do the same work."""
        running = {str(release.number): release for release in self.releases.running()}
        for number, release in running.items():
            if number != main:
                release.rest(target)
        if main in running:
            running[main].begin(target, answering=False)

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


def _main(weights: Mapping[str, int]) -> str:
    """The release that gets most requests, the newest of equals."""
    return max(weights, key=lambda number: (weights[number], int(number)))


class ReleaseQuerySet(models.QuerySet["Release"]):
    def running(self) -> Self:
        return self.filter(retired_at=None).order_by("number")

    def usable(self) -> Self:
        """Running releases, without those a failed run left: these wait for a resume and must not be fallen back to."""
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

    @property
    def model(self) -> ServedModel | None:
        """Its model; None for a release of an app, and before it is prepared."""
        return ServedModel.read(self.settings) if "packed" in self.settings else None

    @property
    def app(self) -> RunningApp | None:
        """Its app; None for a release of a model, and before it is prepared."""
        return RunningApp.read(self.settings) if "source" in self.settings else None

    @property
    def programs(self) -> tuple[Program, ...]:
        """Its programs; empty for a model, which has one unnamed server."""
        return self.app.programs if self.app else ()

    @property
    def health_path(self) -> str:
        """The path that says whether it answers well."""
        return (self.app.check if self.app else None) or "/"

    @property
    def answering(self) -> tuple[str, ...]:
        """The workloads that take its requests."""
        if self.app is None:
            return (self.workload,)
        return tuple(program.workload.name for program in self.programs if program.answers)

    @property
    def beside(self) -> tuple[str, ...]:
        """Its other workloads, such as workers."""
        return tuple(program.workload.name for program in self.programs if not program.answers)

    @property
    def processes(self) -> dict[str, str]:
        """{process name: workload}, for example {"web.1": …}; empty for a model."""
        return {program.process: program.workload.name for program in self.programs}

    def keep(self, made: ServedModel | RunningApp) -> None:
        """Store what it runs; the times its workloads were begun stay."""
        begun = {"begun": self.begun} if self.begun else {}
        self.settings = {**made.stored(), **begun}
        self.save(update_fields=["settings"])

    def workload_of(self, process: str) -> str | None:
        """The workload of this process, or of the first when `process` is empty. None when there is no such process."""
        if process:
            return self.processes.get(process)
        return next(iter((*self.answering, *self.beside)), self.workload)

    def begin(self, target: TargetAdapter, *, answering: bool) -> list[str]:
        """Start its answering workloads, or its other ones, where they do not run. Returns their names."""
        ours = [program.workload for program in self.programs if program.answers == answering]
        config = self.deployment.settings() if ours else {}
        names = [workload.name for workload in ours]
        if begun := [name for name in names if not target.status(name).state.is_up]:
            self.settings = {**self.settings, "begun": {**self.begun, **dict.fromkeys(begun, time.time())}}
            self.save(update_fields=["settings"])
        for workload in ours:
            target.apply(dataclasses.replace(workload, secrets=config))
        return names

    @property
    def begun(self) -> dict[str, float]:
        """When each of its workloads was last begun on purpose; seconds since 1970."""
        return dict(self.settings.get("begun", {}))

    def rest(self, target: TargetAdapter) -> None:
        """Stop its workers, because its requests go to another release."""
        for name in self.beside:
            target.stop(name)

    def stop(self, target: TargetAdapter, *, for_good: bool = False) -> None:
        """Stop all its workloads. `for_good` also deletes its folder."""
        for name in (*self.answering, *self.beside):
            target.stop(name)
        if for_good and self.app:
            target.discard(self.app.source.name)

    def previous(self) -> "Release | None":
        """The release to go back to: live when its own run began, else the newest earlier one that runs."""
        earlier = self.deployment.releases.usable().filter(number__lt=self.number)
        before = (self.run.traffic_before if self.run else None) or {}
        was_live = earlier.filter(number=int(_main(before))).first() if before else None
        return was_live or earlier.last()


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
