"""The REST side of a live log: entries are put by the name their device gave them, as often as it takes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as Invalid
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from people.access import fetch
from people.rest import Conflict
from research.models import Activity, Case, Kind, Observation, Session, Source
from research.reading import Reading

LATEST = 30 * 24 * 3600 * 1000  # a month: what is later is a broken clock


class Moments(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=LATEST, **options)


class EntrySerializer(serializers.Serializer[Any]):
    """One entry as a device keeps it: words for activity and case, so that it can be written without a network."""

    at = Moments(help_text="milliseconds after the session began")
    until = Moments(required=False, allow_null=True, default=None)
    going = serializers.BooleanField(default=False)
    kind = serializers.ChoiceField(choices=Kind.choices)
    source = serializers.ChoiceField(choices=Source.choices, default=Source.SEEN)  # type: ignore[assignment]
    text = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    quote = serializers.BooleanField(default=False)
    marked = serializers.BooleanField(default=False)
    activity = serializers.CharField(max_length=80, required=False, allow_null=True, default=None)
    participant = serializers.IntegerField(min_value=1, help_text="4 for P4")
    case = serializers.CharField(max_length=160, required=False, allow_null=True, default=None)
    revision = serializers.IntegerField(min_value=1, max_value=2_000_000_000, default=1)
    base = serializers.IntegerField(
        min_value=0,
        required=False,
        allow_null=True,
        default=None,
        write_only=True,
        help_text="the revision that this was made from, 0 for an entry that is new: what somebody else "
        "has changed since is not overwritten",
    )
    removed = serializers.BooleanField(default=False)

    def validate(self, entry: dict[str, Any]) -> dict[str, Any]:
        if entry["until"] is not None and entry["until"] < entry["at"]:
            raise serializers.ValidationError({"until": "What was seen cannot end before it starts."})
        return entry


class KeptSerializer(EntrySerializer):
    """The entry as the server has it after a PUT, which may be what somebody else made of it."""

    kept = serializers.BooleanField(read_only=True, help_text="whether the server has it from this very request")


class StopSerializer(serializers.Serializer[Any]):
    at = Moments(required=False, allow_null=True, default=None, help_text="milliseconds after the session began")


def document(observation: Observation, reading: Reading) -> dict[str, Any]:
    """An entry as it is read: words only as far as the reader may have them."""
    quote = reading.quote(observation)
    return {
        "id": str(observation.pk),
        "at": observation.at,
        "until": observation.until,
        "going": observation.going,
        "kind": observation.kind,
        "source": observation.source,
        "text": quote.text,
        "state": quote.state,
        "quote": observation.quote,
        "marked": observation.marked,
        "activity": observation.activity.name if observation.activity else None,
        "participant": observation.participant.number if quote.readable else None,
        "case": observation.case.title if observation.case else None,
        "revision": observation.revision,
        "removed": observation.removed_at is not None,
    }


SINCE = OpenApiParameter(
    "since", int, description="milliseconds since 1970: only what the server was told later, changes too"
)


@extend_schema(parameters=[SINCE], responses=EntrySerializer(many=True))
@api_view(["GET"])
def entries(request: Request, session: int) -> Response:
    watched = fetch(request.user, Session, pk=session)
    logged = Observation.everything.filter(session=watched).for_reading()
    if (since := request.query_params.get("since", "")).isdecimal() and len(since) < 16:
        logged = logged.filter(changed_at__gt=datetime.fromtimestamp(int(since) / 1000, UTC))
    reading = Reading(request.user)
    return Response([document(observation, reading) for observation in logged])


@extend_schema(request=EntrySerializer, responses={200: KeptSerializer, 201: KeptSerializer})
@api_view(["PUT"])
def entry(request: Request, session: int, pk: UUID) -> Response:
    """Keep the entry if it is newer than what is here and made from it. Sent twice, or late, it changes nothing.

    The answer is the entry as it is here now, and `kept` says whether this request made it so.
    """
    fetch(request.user, Session, "change", pk=session)
    form = EntrySerializer(data=request.data)
    form.is_valid(raise_exception=True)
    with transaction.atomic():
        locked = Session.everything.locked(session)  # stopped meanwhile, perhaps; and no entry is read before its turn
        known = Observation.of_id(pk)
        observation = keep(locked, pk, known, form.validated_data, request.user)
    code = status.HTTP_201_CREATED if known is None else status.HTTP_200_OK
    here = observation or known
    assert here
    answer = document(here, Reading(request.user))
    return Response({**answer, "kept": observation is not None}, status=code)


def keep(session: Session, pk: UUID, known: Observation | None, entry: dict[str, Any], user: Any) -> Observation | None:
    """The entry as it is kept; None when what is here is as new, or was changed since the entry was made from it."""
    if session.started_at is None:
        raise Conflict("This session has not begun.")
    if known and known.session_id != session.pk:
        raise Conflict("Another session has an observation of this name.")
    base = entry["base"]
    if known and (known.revision >= entry["revision"] or (base is not None and known.revision > base)):
        return None
    observation = known or Observation(pk=pk, session=session, observer=user)
    fill(observation, session, entry)
    observation.save()
    return observation


def fill(observation: Observation, session: Session, entry: dict[str, Any]) -> None:
    """From a device's words to rows; names that are new become activities and cases."""
    person = session.participants.filter(number=entry["participant"]).first()
    if person is None:
        raise serializers.ValidationError({"participant": f"P{entry['participant']} is not in this session."})
    for name in ("at", "until", "going", "kind", "source", "text", "quote", "marked", "revision"):
        setattr(observation, name, entry[name])
    observation.participant = person
    if observation.kind == Kind.SAYS:
        observation.source = Source.SAID
    if session.ended_at:
        observation.going = False  # nothing goes on in a session that is over
    observation.removed_at = (observation.removed_at or timezone.now()) if entry["removed"] else None
    observation.case = case_named(session, entry["case"])
    try:
        observation.activity = Activity.objects.named(session.persona, entry["activity"]) if entry["activity"] else None
    except Invalid as error:
        raise serializers.ValidationError({"activity": error.messages}) from error


def case_named(session: Session, title: str | None) -> Case | None:
    title = (title or "").strip()
    if not title:
        return None
    return Case.objects.filter(study=session.study_id, title=title).first() or Case.objects.create(
        study=session.study, title=title
    )


@extend_schema(request=StopSerializer, responses={204: None})
@api_view(["POST"])
def stop(request: Request, session: int) -> Response:
    """The device says when it stopped; said again, the first time stands."""
    watched = fetch(request.user, Session, "change", pk=session)
    form = StopSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    if watched.started_at is None:
        raise Conflict("This session has not begun.")
    if watched.ended_at is None:
        at = form.validated_data["at"]
        watched.stop(watched.started_at + timedelta(milliseconds=at) if at is not None else None)
    return Response(status=status.HTTP_204_NO_CONTENT)
