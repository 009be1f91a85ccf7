"""/help/: the list of documents, one of them, and its pictures. For everybody, signed in or not."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from server.help.documents import DOCUMENTS, GROUPS, PICTURES, picture


def index(request: HttpRequest) -> HttpResponse:
    return render(request, "help/index.html", {"groups": GROUPS})


def document(request: HttpRequest, name: str) -> HttpResponse:
    if name not in DOCUMENTS:
        raise Http404
    return render(request, "help/document.html", {"groups": GROUPS, "document": DOCUMENTS[name]})


def shown_picture(request: HttpRequest, name: str) -> FileResponse:
    path = picture(name)
    if path is None:
        raise Http404
    return FileResponse(path.open("rb"), content_type=PICTURES[path.suffix])
