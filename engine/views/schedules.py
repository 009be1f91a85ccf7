"""What runs by the clock: adding, changing, pausing, removing a schedule, and taking the removal back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from engine.actions.start_run import Refused
from engine.definition.vocabulary import FILE_TYPES
from engine.forms import StartForm
from engine.models import Revision, Run, Schedule, Template
from engine.models.schedule import KEPT, NeverComes, next_time
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me, visible
from people.models import User

NEXT = 3  # times that the form shows


class ScheduleForm(StartForm):
    """When, and with what: the fields of a start, and the clock's."""

    cron = forms.CharField(
        max_length=120, label="When", help_text="Minute, hour, day, month, weekday: 30 2 * * 1-5 is 02:30 on weekdays."
    )
    zone = forms.CharField(max_length=60, initial="UTC", label="Time zone")
    misfire = forms.ChoiceField(
        choices=[("once", "one run makes up for all of them"), ("skip", "are left out"), ("each", "a run for each")],
        label="Times missed while nothing ran",
    )  # fmt: skip

    def __init__(self, *args: Any, held: Schedule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held_schedule = held
        listens = {
            "hx-get": reverse("schedule-preview"), "hx-trigger": "input changed delay:250ms, change",
            "hx-target": "#next", "hx-include": "#id_cron, #id_zone", "autocomplete": "off", "spellcheck": "false",
        }  # fmt: skip
        self.fields["cron"].widget.attrs |= {**listens, "class": "mono"}
        self.fields["zone"].widget.attrs |= {**listens, "list": "zones"}
        self.fields["name"].help_text = "The deployment its runs change. Empty: they change none."
        if held:
            del self.fields["team"]
        self.order_fields(["cron", "zone", "misfire", "team", "name", *self.inputs])

    def clean(self) -> dict[str, Any] | None:
        cron, zone = self.cleaned_data.get("cron"), self.cleaned_data.get("zone")
        if cron and zone:
            try:
                next_time(cron, zone, timezone.now())
            except NeverComes as error:
                self.add_error("zone" if "time zone" in str(error) else "cron", str(error))
        return self.cleaned_data

    def save(self, user: User) -> Schedule:
        """Raises Refused when what it would start could not be started today; PermissionDenied on others' teams."""
        if self.held_schedule:
            self.cleaned_data["team"] = self.held_schedule.team
        start = self.start()
        may(user, "start_in", start.team)
        start.check()
        made = self.held_schedule or Schedule(team=start.team, template=self.revision.template, made_by=user)
        for name in ("cron", "zone", "misfire"):
            setattr(made, name, self.cleaned_data[name])
        made.inputs, made.name, made.problem = dict(start.inputs), start.name, ""
        made.next_at = made.after(timezone.now())
        made.save()
        return made


def in_words(cron: str) -> str:
    """“At 02:30 on Monday through Friday”; the expression itself where no words are found."""
    try:
        return str(CronSim(cron, datetime(2026, 1, 1)).explain())
    except (CronSimError, StopIteration, ValueError, NotImplementedError):
        return cron


@dataclass(frozen=True)
class Planned:
    """A schedule as a page shows it."""

    schedule: Schedule
    words: str
    last: Run | None
    may_change: bool


def planned(user: User, template: Template) -> list[Planned]:
    rows = visible(user, Schedule).filter(template=template).select_related("team", "template", "made_by")
    return [Planned(s, in_words(s.cron), s.runs.order_by("-pk").first(), can(user, "change", s)) for s in rows]


@login_required
def new(request: HttpRequest, name: str) -> HttpResponse:
    template = fetch(me(request), Template, name=name)
    revision = template.published or template.latest
    return _edit(request, template, _form(request, revision), "Run it by the clock")


@login_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = fetch(me(request), Schedule.objects.select_related("template", "team"), "change", pk=pk)
    revision = schedule.template.published or schedule.template.latest
    initial = {"cron": schedule.cron, "zone": schedule.zone, "misfire": schedule.misfire, "name": schedule.name}
    kept = {n: v["sha256"] for n, v in schedule.inputs.items() if isinstance(v, dict) and "sha256" in v}
    form = _form(request, revision, kept, held=schedule, initial={**schedule.inputs, **initial})
    return _edit(request, schedule.template, form, "Change when it runs")


def _form(request: HttpRequest, revision: Revision, kept: dict[str, str] | None = None, **kwargs: Any) -> ScheduleForm:
    files = [name for name, spec in revision.parsed.inputs.items() if spec.type in FILE_TYPES]
    sent = {name: sha for name in files if (sha := request.POST.get(name))}
    data, uploads = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    return ScheduleForm(data, uploads, revision=revision, user=me(request), kept={**(kept or {}), **sent}, **kwargs)


def _edit(request: HttpRequest, template: Template, form: ScheduleForm, title: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            made = form.save(me(request))
        except Refused as refused:
            for name, why in refused.problems.items():
                form.add_error(name if name in form.fields else None, why)
        except forms.ValidationError as error:  # a file that could not be stored
            form.add_error(None, error)
        else:
            say(request, f"It runs by the clock: {in_words(made.cron)}, {made.zone}.")
            return redirect("template", template.name)
    cron, zone = form["cron"].value() or "", form["zone"].value() or ""
    context = {
        "form": form, "template": template, "title": title, "zones": sorted(available_timezones()),
        "schedule": form.held_schedule, "teams": form.held_schedule or form.fields["team"].queryset.exists(),  # type: ignore[attr-defined]
        **coming(cron, zone),
    }  # fmt: skip
    return render(request, "engine/schedule.html", context, status=422 if form.errors else 200)


def coming(cron: str, zone: str) -> dict[str, Any]:
    """The next times, or why there are none."""
    moment, times = timezone.now(), []
    try:
        for _ in range(NEXT if cron else 0):
            moment = next_time(cron, zone, moment)
            times.append(moment.astimezone(ZoneInfo(zone)))
    except NeverComes as error:
        return {"times": [], "never": str(error), "words": ""}
    return {"times": times, "never": "", "words": in_words(cron) if cron else "", "zone": zone}


@login_required
def preview(request: HttpRequest) -> HttpResponse:
    """The next three times of what is being typed."""
    cron, zone = request.GET.get("cron", "")[:120].strip(), request.GET.get("zone", "")[:60].strip()
    return render(request, "engine/schedule_next.html", coming(cron, zone or "UTC"))


@login_required
@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause it, or let it go on."""
    schedule = fetch(me(request), Schedule.objects.select_related("template"), "change", pk=pk)
    paused = not schedule.paused
    try:
        schedule.pause(paused=paused)
    except NeverComes as error:
        warn(request, str(error))
    else:
        say(request, "Paused. Runs that fall due while it is paused are skipped." if paused else "It runs again.")
    return redirect("template", schedule.template.name)


@login_required
@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = fetch(me(request), Schedule.objects.select_related("template"), "change", pk=pk)
    schedule.remove()
    say(request, "Removed; the runs it started stay.", undo=reverse("schedule-restore", args=[pk]))
    return redirect("template", schedule.template.name)


@login_required
@require_POST
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    recent = Schedule.everything.filter(removed_at__gt=timezone.now() - KEPT)
    schedule = fetch(me(request), recent.select_related("template"), "change", pk=pk)
    try:
        schedule.restore()
    except NeverComes as error:
        warn(request, str(error))
    else:
        say(request, "The schedule is restored.")
    return redirect("template", schedule.template.name)
