"""/search/: a page that works by itself, and the same results for the box that Ctrl K opens."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from people.access import me
from server.search.finding import PAGE, find
from server.search.sources import BY_KIND

LONGEST = 200  # characters of a query


@login_required
def search(request: HttpRequest) -> HttpResponse:
    """`q` is looked for, `in` names one kind of thing, `part=box` answers for the box on every page."""
    text = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:LONGEST]
    kind = request.GET.get("in", "")
    kind = kind if kind in BY_KIND or kind == PAGE else ""
    groups = find(me(request), text, kind)
    context = {"q": text, "groups": groups, "kind": kind, "count": sum(group.count for group in groups)}
    context["more"] = any(group.more for group in groups)
    template = "search_results.html" if request.GET.get("part") == "box" else "search.html"
    return render(request, template, context)
