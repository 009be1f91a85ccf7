"""/outcomes/: the end of the thread. Until outcomes are measured, it says where done can be read today."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def outcomes(request: HttpRequest) -> HttpResponse:
    return render(request, "outcomes.html")
