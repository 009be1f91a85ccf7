"""/sessions/N/: plan, set up, watch, stop, review."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lib.pages.forms import form_page
from lib.pages.toasts import say, warn
from people.access import can, fetch, me
from research.forms import ConsentForm, SessionForm, SetupForm
from research.models import Activity, Consent, Insight, Observation, Session, Study
from research.reading import Reading
from research.rows import rows
from research.timeline import Timeline

SESSIONS = Session.objects.select_related("study__persona", "case", "watcher")


@login_required
@require_POST
def watch(request: HttpRequest) -> HttpResponse:
    """One press opens the live log. One that was opened and never begun is used again."""
    study = fetch(me(request), Study, "watch", slug=request.POST.get("study", ""))
    fresh = {"started_at": None, "planned_for": None, "watcher": me(request)}
    session = study.sessions.filter(**fresh).first() or study.sessions.create(watcher=me(request))
    return redirect("session-live", session.pk)


@login_required
def session_new(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "watch", slug=slug)
    form = SessionForm(request.POST or None, instance=Session(study=study, watcher=me(request)), study=study)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(study)
    return form_page(request, form, "Plan a session", study)


@login_required
def session_change(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), Session, "change", pk=pk)
    form = SessionForm(request.POST or None, instance=session, study=session.study)
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    return form_page(request, form, f"Change {session}", session)


@login_required
@never_cache
def session_live(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), SESSIONS, "change", pk=pk)
    if session.state == "planned":
        return set_up(request, session)
    if session.ended_at:
        return redirect("session", pk)
    return render(request, "research/live.html", {"session": session, "facts": facts(request, session)})


def facts(request: HttpRequest, session: Session) -> dict[str, Any]:
    """What the page needs to log without asking the server."""
    assert session.started_at is not None
    return {
        "session": session.pk,
        "user": me(request).pk,
        "began": round(session.started_at.timestamp() * 1000),
        "now": round(timezone.now().timestamp() * 1000),
        "source": "said" if session.heard else "seen",
        "activities": list(Activity.objects.filter(persona=session.persona).values_list("name", flat=True)),
        "participants": [{"number": person.number, "name": str(person)} for person in session.participants.all()],
        "cases": list(session.study.cases.values_list("title", flat=True)),
        "case": session.case.title if session.case else None,
        "review": f"/sessions/{session.pk}/",
    }


def set_up(request: HttpRequest, session: Session) -> HttpResponse:
    """Whom, with what consent, at what work. A GET with ?participant= shows whether that person must be asked."""
    chosen = {"participant": request.GET["participant"]} if "participant" in request.GET else {}
    form = SetupForm(request.POST or None, session=session, initial=chosen)
    consent = ConsentForm(request.POST or None, prefix="consent")
    if request.method == "POST" and form.is_valid() and (not form.needs_consent or consent.is_valid()):
        return begin(request, session, form, consent)
    asked = (not form.is_valid() or form.needs_consent) if form.is_bound else not form.proposed_consents
    context = {"session": session, "form": form, "consent": consent, "asked": asked}
    return render(request, "research/setup.html", context)


def begin(request: HttpRequest, session: Session, form: SetupForm, consent: ConsentForm) -> HttpResponse:
    with transaction.atomic():
        now = Session.everything.locked(session.pk)
        if now.started_at is None:  # else it was pressed twice, and the first press wrote it all down
            write_down(request, now, form, consent)
    return redirect("session-live", session.pk)


def write_down(request: HttpRequest, session: Session, form: SetupForm, consent: ConsentForm) -> None:
    """The consent before the clock."""
    participant = form.chosen_participant()
    if form.needs_consent:
        consent.instance = Consent(participant=participant)
        for name in ("notes", "quotes", "recording", "audience"):
            setattr(consent.instance, name, consent.cleaned_data[name])
        consent.save()
    session.sort, session.case, session.watcher = form.cleaned_data["sort"], form.chosen_case(), me(request)
    session.save(update_fields=["sort", "case", "watcher"])
    session.participants.add(participant)
    session.begin()


@login_required
@require_POST
def session_stop(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), Session, "change", pk=pk)
    try:
        if session.ended_at is None:
            session.stop()
    except ValidationError as error:
        warn(request, error.messages[0])
    return redirect(session)


@login_required
def session(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), SESSIONS.prefetch_related("participants"), pk=pk)
    logged = list(Observation.objects.filter(session=session).for_reading())
    context = {
        "session": session,
        "rows": rows(Reading(me(request)), logged),
        "timeline": Timeline(logged, session.length or 0),
        "lacking": session.lacks_consent(),
        "insights": Insight.objects.visible_to(me(request)).filter(study=session.study),
        "may_change": can(me(request), "change", session),
    }
    return render(request, "research/session.html", context)


@login_required
@require_POST
def session_review(request: HttpRequest, pk: int) -> HttpResponse:
    session = fetch(me(request), Session, "change", pk=pk)
    if session.state == "live":
        warn(request, "It is still being watched. Stop it first.")
    else:
        session.review()
        say(request, "Reviewed.")
    return redirect(session)
