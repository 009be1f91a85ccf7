"""The JSON the API speaks, as serializers: they make the OpenAPI document true."""

from __future__ import annotations

from typing import Any, cast

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from engine.api.service_serializers import ProcessSerializer
from engine.deployments import model_release
from engine.models import (
    Artefact,
    CriterionResult,
    Deployment,
    Event,
    Limit,
    Release,
    Revision,
    Run,
    Schedule,
    StepRun,
    Template,
)
from engine.models.schedule import NeverComes, next_time
from engine.outcomes import groups_of
from engine.queue import concurrency
from people.rest import KeySerializer

Slug = serializers.SlugRelatedField[Any]
Key = serializers.PrimaryKeyRelatedField[Any]


class FileSerializer(serializers.ModelSerializer[Artefact]):
    class Meta:
        model = Artefact
        fields = ["sha256", "name", "size"]


class AskingSerializer(serializers.Serializer[Any]):
    """What a waiting step wants from a person."""

    verb = serializers.CharField(help_text="confirm, approve or decide")
    question = serializers.CharField()
    by = serializers.SerializerMethodField(help_text="team, champion, a role or a user name; several with “or”")
    deadline = serializers.FloatField(required=False, help_text="seconds since the epoch")
    needs = serializers.DictField(required=False)

    def get_by(self, asking: dict[str, Any]) -> str:
        return " or ".join(groups_of(asking.get("by")))


class StepSerializer(serializers.ModelSerializer[StepRun]):
    title = serializers.CharField(read_only=True)
    seconds = serializers.FloatField(read_only=True, allow_null=True)
    asking = AskingSerializer(allow_null=True, read_only=True)
    waits = serializers.SerializerMethodField(help_text="what it is queued for, and who holds it")

    class Meta:
        model = StepRun
        fields = [
            "id", "leaf", "title", "purpose", "iteration", "state", "attempt", "note", "reason", "outputs", "asking",
            "waits", "started_at", "ended_at", "seconds",
        ]  # fmt: skip

    def get_waits(self, step: StepRun) -> str:
        """Asked once a queue, however many of these steps stand in it."""
        if not concurrency.waiting(step):
            return ""
        known: dict[str, str] = cast(dict[str, Any], self.context).setdefault("waits", {})
        if step.queue not in known:
            known[step.queue] = concurrency.waits_for(step)
        return known[step.queue]


class RunSerializer(serializers.ModelSerializer[Run]):
    title = serializers.CharField(read_only=True)
    template = serializers.SerializerMethodField()
    team: Slug = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    deployment: Slug = serializers.SlugRelatedField(slug_field="name", read_only=True, allow_null=True)
    started_by: Slug = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    seconds = serializers.FloatField(read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = [
            "id", "title", "template", "team", "deployment", "inputs", "state", "reason", "started_by", "started_at",
            "ended_at", "seconds", "url",
        ]  # fmt: skip

    def get_template(self, run: Run) -> str:
        return str(run.revision)

    def get_url(self, run: Run) -> str:
        return reverse("run", args=[run.pk])


class WholeRunSerializer(RunSerializer):
    """A run with its steps."""

    steps = StepSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "steps"]


class EventSerializer(serializers.ModelSerializer[Event]):
    step: Key = serializers.PrimaryKeyRelatedField(read_only=True)
    leaf = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ["id", "at", "kind", "text", "step", "leaf", "data"]

    def get_leaf(self, event: Event) -> str:
        return event.step.leaf if event.step else ""


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    run: Key = serializers.PrimaryKeyRelatedField(read_only=True, allow_null=True)
    running = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = [
            "number",
            "artefact",
            "artefact_name",
            "weight",
            "made_at",
            "running",
            "run",
            "rehearsed_at",
            "settings",
        ]

    def get_running(self, release: Release) -> bool:
        return release.retired_at is None


class CriterionSerializer(serializers.ModelSerializer[CriterionResult]):
    asking = AskingSerializer(allow_null=True, read_only=True)

    class Meta:
        model = CriterionResult
        fields = ["criterion", "title", "state", "reason", "asking", "first_at", "last_at"]


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    team: Slug = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    target: Slug = serializers.SlugRelatedField(slug_field="name", read_only=True)
    live = serializers.SerializerMethodField()
    traffic = serializers.SerializerMethodField()
    done = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()

    class Meta:
        model = Deployment
        fields = [
            "id", "name", "team", "target", "state", "state_since", "address", "live", "traffic", "done", "url",
            "removed_at",
        ]  # fmt: skip

    def get_live(self, deployment: Deployment) -> int | None:
        return deployment.live.number if deployment.live else None

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_traffic(self, deployment: Deployment) -> dict[str, int]:
        return deployment.traffic()

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_done(self, deployment: Deployment) -> dict[str, int]:
        met, of = deployment.progress()
        return {"met": met, "of": of}

    def get_url(self, deployment: Deployment) -> str:
        return reverse("deployment", args=[deployment.team.slug, deployment.target.name, deployment.name])


class WholeDeploymentSerializer(DeploymentSerializer):
    """A deployment with its releases, its criteria and how to call it."""

    releases = ReleaseSerializer(many=True, read_only=True)
    criteria = serializers.SerializerMethodField()
    call = serializers.SerializerMethodField(help_text="a command that asks it")
    run = serializers.SerializerMethodField()
    processes = serializers.SerializerMethodField(help_text="of the live release, as they run now")

    class Meta(DeploymentSerializer.Meta):
        fields = [*DeploymentSerializer.Meta.fields, "releases", "processes", "criteria", "call", "run"]

    @extend_schema_field(CriterionSerializer(many=True))
    def get_criteria(self, deployment: Deployment) -> Any:
        return CriterionSerializer(deployment.results.filter(current=True), many=True).data

    @extend_schema_field(ProcessSerializer(many=True))
    def get_processes(self, deployment: Deployment) -> Any:
        return ProcessSerializer(cast(Any, deployment.running()), many=True).data

    def get_call(self, deployment: Deployment) -> str:
        return model_release.curl_for(deployment)

    def get_run(self, deployment: Deployment) -> int | None:
        active = deployment.runs.active().first()
        return active.pk if active else None


class RevisionSerializer(serializers.ModelSerializer[Revision]):
    template = serializers.CharField(source="template.name", read_only=True)
    persona: Slug = serializers.SlugRelatedField(
        source="template.persona", slug_field="slug", read_only=True, allow_null=True
    )
    published_by: Slug = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Revision
        fields = ["template", "number", "digest", "title", "persona", "made_at", "published_at", "published_by", "note"]


class WholeRevisionSerializer(RevisionSerializer):
    document = serializers.DictField(read_only=True)
    yaml = serializers.SerializerMethodField()

    class Meta(RevisionSerializer.Meta):
        fields = [*RevisionSerializer.Meta.fields, "document", "yaml"]

    def get_yaml(self, revision: Revision) -> str:
        return revision.parsed.yaml()


class TemplateSerializer(serializers.ModelSerializer[Template]):
    persona: Slug = serializers.SlugRelatedField(slug_field="slug", read_only=True, allow_null=True)
    published = serializers.SerializerMethodField()
    latest = serializers.SerializerMethodField()

    class Meta:
        model = Template
        fields = ["name", "title", "persona", "starter", "published", "latest"]

    def get_published(self, template: Template) -> int | None:
        return template.published.number if template.published else None

    def get_latest(self, template: Template) -> int:
        return template.latest.number


class LogSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(allow_blank=True)
    offset = serializers.IntegerField(help_text="pass it back to read on")


class ChangeSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    verb = serializers.CharField()
    what = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    where = serializers.CharField()
    what = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DiffSerializer(serializers.Serializer[Any]):
    """What differs between two runs; `first` is the earliest step that went another way."""

    before = serializers.IntegerField(source="before.pk")
    after = serializers.IntegerField(source="after.pk")
    template = DifferenceSerializer(many=True)
    inputs = DifferenceSerializer(many=True)
    steps = DifferenceSerializer(many=True)
    first = serializers.CharField(allow_blank=True)


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    template: Slug = serializers.SlugRelatedField(slug_field="name", queryset=Template.objects.all())
    team: Slug = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    runs = serializers.SerializerMethodField(help_text="the newest ten, by number")

    class Meta:
        model = Schedule
        fields = [
            "id", "template", "team", "name", "inputs", "cron", "zone", "misfire", "paused", "next_at", "last_at",
            "problem", "runs",
        ]  # fmt: skip
        read_only_fields = ["next_at", "last_at", "problem"]

    def get_runs(self, schedule: Schedule) -> list[int]:
        return list(schedule.runs.values_list("pk", flat=True)[:10])

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Whether the clock ever comes there."""
        held = self.instance if isinstance(self.instance, Schedule) else None
        cron = attrs.get("cron", held.cron if held else "")
        zone = attrs.get("zone", held.zone if held else "UTC")
        try:
            attrs["next_at"] = next_time(cron, zone, timezone.now())
        except NeverComes as error:
            raise serializers.ValidationError(
                {"zone" if "time zone" in str(error) else "cron": [str(error)]}
            ) from error
        return attrs


class LimitSerializer(serializers.ModelSerializer[Limit]):
    of = serializers.CharField(read_only=True)

    class Meta:
        model = Limit
        fields = ["id", "of", "at_most"]


# --- what is sent ----------------------------------------------------------------------------------------------------


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField()
    team = KeySerializer(required=False)


class StartSerializer(serializers.Serializer[Any]):
    template = KeySerializer(required=False, help_text="without it: the persona's published template")
    revision = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    persona = KeySerializer(required=False, help_text="without it: your own")
    team = KeySerializer(required=False, help_text="needed when you are on several")
    name = serializers.CharField(required=False, max_length=40, help_text="of the deployment")
    inputs = serializers.DictField(required=False, default=dict)
    port = serializers.IntegerField(
        required=False, min_value=1024, max_value=65535, help_text="the address to answer on"
    )
    idempotency_key = serializers.CharField(required=False, max_length=100)
    dry_run = serializers.BooleanField(required=False, default=False)


class LimitSetSerializer(serializers.Serializer[Any]):
    """One of team, template and target names what is limited."""

    team = KeySerializer(required=False)
    template = KeySerializer(required=False)
    target = KeySerializer(required=False, help_text="of the team it is yours by")
    at_most = serializers.IntegerField(min_value=1, max_value=100_000)


class ResumeSerializer(serializers.Serializer[Any]):
    inputs = serializers.DictField(required=False, default=dict, help_text="corrections, by name")


class SignalSerializer(serializers.Serializer[Any]):
    name = serializers.RegexField(r"^[A-Za-z][A-Za-z0-9._-]{0,62}$")
    values = serializers.DictField(required=False, default=dict, help_text="what there is to know about it")


class VoteSerializer(serializers.Serializer[Any]):
    approve = serializers.BooleanField(default=True)
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class AnswerSerializer(serializers.Serializer[Any]):
    values = serializers.DictField(required=False, default=dict)
    comment = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class YamlSerializer(serializers.Serializer[Any]):
    yaml = serializers.CharField(max_length=2_000_000, trim_whitespace=False)


class ProblemSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()


class CheckSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    problems = ProblemSerializer(many=True)
    digest = serializers.CharField(required=False)


class PublishSerializer(serializers.Serializer[Any]):
    revision = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
