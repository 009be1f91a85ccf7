"""/login/terminal/: hands a terminal on this machine a token, once its owner saw one code in both places."""

from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from knox.models import AuthToken

from people.access import me


class TerminalForm(forms.Form):
    """What `desirepath login` puts into the address it opens."""

    code = forms.RegexField(r"^[A-Za-z0-9_-]{6,128}$", widget=forms.HiddenInput)
    port = forms.IntegerField(min_value=1024, max_value=65535, widget=forms.HiddenInput)


@login_required
def terminal(request: HttpRequest) -> HttpResponse:
    form = TerminalForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return render(request, "people/terminal.html", {"form": None}, status=400)
    if request.method == "POST":
        _, token = AuthToken.objects.create(me(request))
        # The code goes back too: the terminal takes a token only with the code that it made itself.
        answer = urlencode({"token": token, "code": form.cleaned_data["code"]})
        return redirect(f"http://127.0.0.1:{form.cleaned_data['port']}/?{answer}")
    return render(request, "people/terminal.html", {"form": form, "code": form.cleaned_data["code"]})
