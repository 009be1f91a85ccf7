"""/outcomes/: the last room of the thread. Until outcomes are measured, the page links to where done is shown."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def outcomes(request: HttpRequest) -> HttpResponse:
    return render(request, "outcomes.html")
