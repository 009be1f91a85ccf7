"""/cases/C/: one piece of work over its sessions."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from lib.pages.forms import form_page
from people.access import can, fetch, me
from research.forms import CaseForm
from research.models import Activity, Case, Observation, Study
from research.reading import Reading
from research.rows import rows
from research.traces import traces


@login_required
def case_new(request: HttpRequest, slug: str) -> HttpResponse:
    study = fetch(me(request), Study, "watch", slug=slug)
    form = CaseForm(request.POST or None, instance=Case(study=study))
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    return form_page(request, form, "New case", study)


@login_required
def case(request: HttpRequest, pk: int) -> HttpResponse:
    case = fetch(me(request), Case.objects.select_related("study"), pk=pk)
    logged = Observation.objects.filter(case=case, session__removed_at=None).for_reading()
    trace = traces(Observation.objects.filter(case=case)).get(case.pk, [])
    names = dict(Activity.objects.filter(observations__case=case).values_list("key", "name"))
    context = {
        "case": case,
        "trace": [(names[step.activity], step) for step in trace],
        "span": trace[-1].end - trace[0].start if trace else None,
        "rows": rows(Reading(me(request)), logged.order_by("session__started_at", "at")),
        "may_change": can(me(request), "change", case),
    }
    return render(request, "research/case.html", context)


@login_required
def case_change(request: HttpRequest, pk: int) -> HttpResponse:
    case = fetch(me(request), Case, "change", pk=pk)
    form = CaseForm(request.POST or None, instance=case)
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    return form_page(request, form, f"Change {case}", case)
