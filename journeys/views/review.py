"""/journeys/J/review/V/: what a version says, what changed since the last sign-off, and who stands behind it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from journeys.forms import SignForm
from journeys.models import Journey, MapVersion
from lib.pages.toasts import say
from people.access import can, may, me, visible


@login_required
def review(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    rows = MapVersion.objects.filter(map__journey__in=visible(me(request), Journey), map__journey__slug=slug)
    version = get_object_or_404(rows.select_related("map__journey__persona", "signed_by", "made_by"), pk=pk)
    form = SignForm(request.POST or None)
    if request.method == "POST":
        may(me(request), "sign", version)
        if form.is_valid():
            version.sign_off(me(request), form.cleaned_data["comment"])
            say(request, f"You signed off version {version.number}.")
            return redirect("journey-review", slug, pk)
    before = version.map.versions.filter(signed_at__isnull=False, number__lt=version.number).first()
    context = {
        "version": version,
        "journey": version.map.journey,
        "before": before,
        "changes": changes(before.snapshot if before else None, version.snapshot),
        "form": form,
        "may_sign": can(me(request), "sign", version) and version.signed_at is None,
    }
    return render(request, "journeys/review.html", context)


def changes(old: dict[str, Any] | None, new: dict[str, Any]) -> list[str]:
    """What is different, a sentence each. Pure."""
    before = {step["key"]: step for step in (old or {"steps": []})["steps"]}
    lines = []
    for step in new["steps"]:
        was = before.pop(step["key"], None)
        if was is None:
            lines.append(f"“{step['title']}” is new, resting on {len(step['evidence'])} observations")
            continue
        for lane in sorted({*step["cells"], *was["cells"]}):
            if step["cells"].get(lane, "") != was["cells"].get(lane, ""):
                lines.append(
                    f"“{step['title']}”, {lane}: “{was['cells'].get(lane, '')}” → “{step['cells'].get(lane, '')}”"
                )
        if added := len(set(step["evidence"]) - set(was["evidence"])):
            lines.append(f"“{step['title']}” rests on {added} more observations")
    lines += [f"“{step['title']}” is gone" for step in before.values()]
    if old is not None and old["flow"] != new["flow"]:
        lines.append("The flow has changed")
    return lines
