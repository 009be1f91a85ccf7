"""The theme: light, dark or the machine's. Kept in a cookie, so that the first paint has it."""

from django.http import HttpRequest, HttpResponse

COOKIE = "desirepath_theme"
THEMES = [("light", "Light"), ("dark", "Dark"), ("", "Auto")]


def theme(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in dict(THEMES) else ""


def keep(response: HttpResponse, chosen: str) -> None:
    if chosen in ("light", "dark"):
        response.set_cookie(COOKIE, chosen, max_age=5 * 365 * 86400, samesite="Lax")
    else:
        response.delete_cookie(COOKIE)
