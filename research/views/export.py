"""CSV out: what the reader may read, as a file."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from people.access import fetch, me
from research.models import Observation, Session, Study
from research.models.observation import ObservationQuerySet
from research.reading import Reading
from research.rows import lines


def file(request: HttpRequest, observations: ObservationQuerySet, name: str) -> HttpResponse:
    ordered = observations.filter(session__removed_at=None).for_reading().order_by("session", "at", "id")
    response = HttpResponse("".join(lines(Reading(me(request)), ordered)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.csv")
    return response


@login_required
def study_csv(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "export", slug=slug)
    return file(request, Observation.objects.of_study(study), study.slug)


@login_required
def session_csv(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), Session, pk=pk)
    return file(request, Observation.objects.filter(session=session), f"session-{session.pk}")
