"""What the API takes and answers about settings, processes and one-off commands."""

from __future__ import annotations

from rest_framework import serializers

from engine.models import Setting
from people.rest import KeySerializer


class SettingSerializer(serializers.ModelSerializer[Setting]):
    """That a setting is there: never what it is."""

    set_by: serializers.SlugRelatedField = serializers.SlugRelatedField(  # type: ignore[type-arg]
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Setting
        fields = ["key", "set_at", "set_by"]


class ProcessSerializer(serializers.Serializer[None]):
    name = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    started_at = serializers.FloatField(allow_null=True, help_text="seconds since the epoch")
    starts = serializers.IntegerField()


class NamedSerializer(serializers.Serializer[None]):
    name = serializers.CharField(max_length=40)
    team = KeySerializer(required=False)


class ConfigSerializer(serializers.Serializer[None]):
    values = serializers.DictField(
        child=serializers.CharField(allow_null=True, allow_blank=True, trim_whitespace=False),
        help_text="name to value; null takes it away",
    )


class ScaleSerializer(serializers.Serializer[None]):
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="process to how many of it")


class CommandSerializer(serializers.Serializer[None]):
    command = serializers.ListField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), min_length=1,
        help_text="the program and its arguments",
    )  # fmt: skip


class CommandStateSerializer(serializers.Serializer[None]):
    job = serializers.CharField()
    state = serializers.CharField()
    ended = serializers.BooleanField()
    exit_code = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    text = serializers.CharField()
    offset = serializers.IntegerField()
