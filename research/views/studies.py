"""/studies/: the questions people are watched for, and who is in on each."""

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from lib.pages.forms import form_page
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me
from people.models import User
from research.forms import StudyForm, StudyMemberForm
from research.models import Activity, Observation, Participant, Study, StudyRole
from research.traces import by_activity


def listed(user: User) -> QuerySet[Study]:
    kept = Q(participants__removed_at=None)
    counts = {
        "people": Count("participants", filter=kept, distinct=True),
        "sittings": Count("sessions", filter=Q(sessions__removed_at=None), distinct=True),
        "unreviewed": Count(
            "sessions",
            filter=Q(sessions__removed_at=None, sessions__ended_at__isnull=False, sessions__reviewed_at=None),
            distinct=True,
        ),
    }
    return Study.objects.visible_to(user).select_related("persona").annotate(**counts)


@login_required
def studies(request: HttpRequest) -> HttpResponse:
    context = {"studies": listed(me(request)), "may_add": can(me(request), "add", Study)}
    return render(request, "research/studies.html", context)


@login_required
def study_new(request: HttpRequest) -> HttpResponse:
    may(me(request), "add", Study)
    form = StudyForm(request.POST or None, user=me(request))
    if request.method == "POST" and form.is_valid():
        study = form.save()
        study.add(me(request), StudyRole.LEAD)
        return redirect(study)
    return form_page(request, form, "New study", back="/studies/", back_name="Studies", button="Make the study")


@login_required
def study(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study.objects.select_related("persona", "team"), slug=slug)
    observations = Observation.objects.of_study(study)
    people: QuerySet[Participant] = study.participants.select_related("persona").prefetch_related("consents")
    context = {
        "study": study,
        "participants": people.annotate(logged=Count("observations", filter=Q(observations__removed_at=None))),
        "sessions": study.sessions.select_related("case", "watcher").prefetch_related("participants"),
        "cases": study.cases.annotate(logged=Count("observations", filter=Q(observations__removed_at=None))),
        "insights": study.insights.all(),
        "numbers": by_activity(observations).values(),
        "counted": observations.usable().count(),
        "members": study.members.select_related("user"),
        "member_form": StudyMemberForm(),
        "may_watch": can(me(request), "watch", study),
        "may_change": can(me(request), "change", study),
    }
    return render(request, "research/study.html", context)


@login_required
def study_change(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "change", slug=slug)
    form = StudyForm(request.POST or None, instance=study, user=me(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(study)
    return form_page(request, form, f"Change {study.title}", study)


@login_required
@require_POST
def member_add(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "change", slug=slug)
    form = StudyMemberForm(request.POST)
    if not form.is_valid():
        warn(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    elif last_lead(study, form.cleaned_data["username"].pk) and form.cleaned_data["role"] != StudyRole.LEAD:
        warn(request, "This is the study's only lead. Make somebody else lead first.")
    else:
        study.add(form.cleaned_data["username"], form.cleaned_data["role"])
        say(request, f"{form.cleaned_data['username']} is in the study.")
    return redirect(study)


def last_lead(study: Study, user: int) -> bool:
    leads = study.members.filter(role=StudyRole.LEAD)
    return leads.filter(user=user).exists() and leads.count() == 1


@login_required
@require_POST
def member_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    study = fetch(me(request), Study, "change", slug=slug)
    member = get_object_or_404(study.members, pk=pk)
    if last_lead(study, member.user_id):
        warn(request, "This is the study's only lead. Make somebody else lead first.")
        return redirect(study)
    member.delete()
    say(request, f"{member.user} is no longer in the study.")
    return redirect(study) if study.has(me(request)) else redirect("studies")


@login_required
def activities(request: HttpRequest, slug: str) -> HttpResponse:
    """The vocabulary of the study's persona: rename, reorder, make one of two."""
    study = fetch(me(request), Study.objects.select_related("persona"), "watch", slug=slug)
    words = Activity.objects.filter(persona=study.persona).annotate(used=Count("observations"))
    if request.method == "POST":
        change_word(request, get_object_or_404(words, pk=request.POST.get("activity")), study)
        return redirect("activities", slug)
    return render(request, "research/activities.html", {"study": study, "activities": words})


def change_word(request: HttpRequest, word: Activity, study: Study) -> None:
    if other := request.POST.get("into"):
        word.merge_into(get_object_or_404(Activity, persona=study.persona, pk=other))
        say(request, f"“{word.name}” was merged into the other activity.")
    elif request.POST.get("remove") and not Observation.everything.filter(activity=word).exists():
        word.delete()
        say(request, f"“{word.name}” removed.")
    elif name := " ".join(request.POST.get("name", "").split())[:80]:
        word.name, word.position = name, int(request.POST.get("position") or word.position)
        word.save(update_fields=["name", "position"])
