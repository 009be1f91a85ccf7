"""/studies/S/participants/P/: a pseudonym, what they agreed to, and what was seen of them."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from lib.pages.forms import form_page
from lib.pages.toasts import say
from people.access import can, fetch, me
from research.forms import ConsentForm, ParticipantForm
from research.models import Consent, Observation, Participant, Study
from research.reading import Reading


@login_required
def participant_new(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "watch", slug=slug)
    form = ParticipantForm(request.POST or None, initial={"persona": study.persona_id})
    if request.method == "POST" and form.is_valid():
        made = study.new_participant(**form.cleaned_data)
        return redirect("consent-new", slug, made.number)
    return form_page(request, form, "New participant", study, button="Next: consent")


def fetch_participant(request: HttpRequest, slug: str, number: int, to: str = "view") -> Participant:
    people = Participant.objects.select_related("study__team", "persona").prefetch_related("consents")
    return fetch(me(request), people, to, study__slug=slug, number=number)


@login_required
def participant(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    participant = fetch_participant(request, slug, number)
    logged = Observation.objects.filter(participant=participant, session__removed_at=None).for_reading()
    context = {
        "participant": participant,
        "sessions": participant.sessions.select_related("case"),
        "quotes": Reading(me(request)).quotes(logged.filter(quote=True)),
        "logged": logged.count(),
        "may_change": can(me(request), "change", participant),
    }
    return render(request, "research/participant.html", context)


@login_required
def participant_change(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    participant = fetch_participant(request, slug, number, "change")
    form = ParticipantForm(request.POST or None, instance=participant)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(participant)
    return form_page(request, form, f"Change {participant}", participant)


@login_required
def consent_new(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    participant = fetch_participant(request, slug, number, "change")
    form = ConsentForm(request.POST or None, instance=Consent(participant=participant))
    if request.method == "POST" and form.is_valid():
        form.save()
        say(request, f"Consent recorded. Give {participant} the link to their own page.")
        return redirect(participant)
    return form_page(request, form, f"What {participant} agrees to", participant)


@login_required
@require_POST
def consent_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody told the researcher instead of using their own page."""
    consent = fetch(me(request), Consent.objects.select_related("participant__study"), "change", pk=pk)
    consent.withdraw()
    say(request, "Withdrawn: from now on nothing of it is shown or counted.")
    return redirect(consent.participant)


@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest, token: str) -> HttpResponse:
    """The participant's own page; the secret address is all they need."""
    consent = get_object_or_404(Consent.objects.select_related("participant__study"), token=token)
    if request.method == "POST":
        # All of them: whoever withdraws does not want an older agreement to come back into force.
        for given in consent.participant.consents.all():
            given.withdraw()
        return redirect("consent", token)
    latest = consent.participant.consent or consent
    logged = Observation.objects.filter(participant=consent.participant)
    context = {
        "consent": latest,
        "participant": consent.participant,
        "sessions": consent.participant.sessions.count(),
        "logged": logged.count(),
        "words": logged.filter(quote=True).exclude(text="") if latest.state == "in force" else [],
    }
    response = render(request, "research/consent.html", context)
    response.headers["Cache-Control"] = "no-store"  # the address is a secret, and the device may be shared
    return response
