"""The page of a form: `form.html`."""

from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def form_page(
    request: HttpRequest, form: BaseForm, title: str, back: Any = None, *, status: int = 200, **more: Any
) -> HttpResponse:
    """The form with its title. `back`: the address, or the object with the address, that leads back."""
    address = back if back is None or isinstance(back, str) else back.get_absolute_url()
    context = {"form": form, "title": title, "back": address or "", "back_name": back, **more}
    return render(request, "form.html", context, status=status)
