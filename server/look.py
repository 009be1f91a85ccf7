"""/look/: every part of the look on one page, so that it is changed in one place and seen everywhere."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from engine.definition.document import from_document
from engine.definition.drawing import Mark, course
from engine.definition.flow import Branch, Choose, Foreach, Leaf, Sequence, Sub

COLOURS = [
    "paper",
    "sheet",
    "sunk",
    "ink",
    "ink-2",
    "ink-3",
    "line",
    "course",
    "course-soft",
    "contour",
    "contour-soft",
]
STATES = ["done", "going", "waiting", "failed", "idle"]

THREAD = [
    {"room": "Evidence", "value": "214 observations, 6 people", "url": "#thread"},
    {"room": "Journey", "value": "version 4", "url": "#thread", "here": True},
    {"room": "Template", "value": "model-to-endpoint 2", "url": "#thread", "gap": True},
    {"room": "Runs", "value": "17, of which 15 finished", "url": "#thread"},
    {"room": "Outcome", "value": "nothing measured yet", "none": True},
]


class Example(forms.Form):
    """One field of each sort."""

    name = forms.CharField(help_text="As others will see it.")
    kind = forms.ChoiceField(choices=[("a", "Shadowing"), ("b", "Interview")], required=False)
    scope = forms.MultipleChoiceField(choices=[("n", "Notes"), ("q", "Quotes")], widget=forms.CheckboxSelectMultiple)
    note = forms.CharField(widget=forms.Textarea, required=False)
    sure = forms.BooleanField(label="I have read it")


def quotes() -> list[Any]:
    say: dict[str, Any] = {"readable": True, "verbatim": True, "state": "verbatim", "url": "#evidence"}
    where = {"who": "P4 · ML engineer", "where": "session 7 · 00:41:12"}
    gone: dict[str, Any] = {"readable": False, "verbatim": False, "who": "ML engineer · study Shipping", "where": ""}
    return [
        SimpleNamespace(**say, **where, text="If a column moved I find out from the on-call."),
        SimpleNamespace(**{**say, **where, "verbatim": False, "state": "paraphrase"}, text="Nobody tells them first."),
        SimpleNamespace(**gone, state="withdrawn", why="Withdrawn by the participant on 3 March.", url=""),
    ]


FLOW = [
    {"repeat": {"at_most": 3, "until": "${{ true }}", "flow": [
        {"id": "inspect", "title": "Look inside", "uses": "model.inspect"},
        {"id": "measure", "title": "Measure", "uses": "model.evaluate"},
    ], "again": [{"id": "retrain", "title": "Train again", "uses": "manual"}]}},
    {"parallel": [
        [{"id": "parity", "title": "Match features", "uses": "features.parity"}],
        [{"id": "preview", "title": "Preview", "uses": "endpoint.release"}],
    ]},
    {"id": "compare", "title": "Compare with live", "uses": "endpoint.compare"},
    {"choose": [
        {"when": "${{ true }}", "label": "no worse", "flow": [
            {"id": "owner", "title": "Ask the owner", "uses": "approve"},
        ]},
        {"otherwise": True, "label": "worse", "flow": [
            {"id": "back", "title": "Go back", "uses": "endpoint.rollback"},
        ]},
    ]},
    {"id": "all", "title": "Serve all", "uses": "endpoint.shift"},
]  # fmt: skip
WALKED = {
    "inspect": Mark("done", note="round 2", people=6, of=6, count=31),
    "measure": Mark("done", note="round 2", people=4, of=6, count=12),
    "retrain": Mark("done"),
    "parity": Mark("done"),
    "preview": Mark("failed", note="no answer in 30 s"),
    "compare": Mark("going", note="120 of 200", current=True, people=2, of=6, count=9),
    "owner": Mark("waiting", note="waits for you", href="#ask"),
    "back": Mark("quiet"),
}
SEEN = {
    "inspect": Mark(people=5, of=6, count=58, note="52 min"),
    "measure": Mark(people=14, of=20, count=1310),
    "retrain": Mark(people=0, of=6, dashed=True),
}


BLOCKS = Sequence((
    Foreach("${{ inputs.tables }}", Sequence((
        Leaf("load", "Load it", "command.run"), Leaf("check", "Check it", "command.run"),
    )), "table", 4),
    Sub("ship", Sequence((Leaf("ship.preview", "Preview", "endpoint.release"), Leaf("ship.ask", "Ask", "approve"))),
        "preview-and-ask", "0" * 64, "Preview and ask"),
    Choose((
        Branch(Leaf("bill", "Send the bill", "command.run"), on={"event": "paid"}),
        Branch(Leaf("trust", "Trust them", "manual"), on={"approve": {"by": "champion"}}),
        Branch(Leaf("remind", "Remind them", "command.run"), on={"after": 3600}),
    ), "first"),
))  # fmt: skip
ITEMS = {
    "load": Mark("done", note="12 of 12", href="#ask"), "check": Mark("going", note="8 of 12", current=True),
    "ship.preview": Mark("quiet"),
}  # fmt: skip


class VoteForm(forms.Form):
    comment = forms.CharField(required=False, widget=forms.TextInput)


def courses() -> list[tuple[str, SafeString]]:
    """The course walked, being mapped, and finished."""
    root = from_document(FLOW)
    drawn = [
        (
            "A run: what was walked is a line, the rest is dashed",
            course(root, WALKED, title="A run", walked=True),
        ),
        ("A map: who was seen; a step nobody was seen doing is dashed", course(root, SEEN, title="A map")),
        ("Once for each table, another template, and whatever comes first", course(BLOCKS, ITEMS, walked=True)),
        ("Done", course(from_document([FLOW[-1]]), {"all": Mark("done")}, title="Finished", walked=True, done=True)),
    ]
    return [(title, mark_safe(svg)) for title, svg in drawn]  # noqa: S308 - engine.definition.drawing escapes every word


@login_required
def look(request: HttpRequest) -> HttpResponse:
    at = datetime(2026, 3, 3, 14, 2, 11, tzinfo=UTC)
    lines = [
        {"at": at, "text": "version 4 answers, 10 % of requests go to it"},
        {"at": at.replace(second=13), "text": "device_type: 2 unseen values", "level": "warning"},
    ]
    context = {
        "colours": COLOURS, "states": STATES, "thread": THREAD, "form": Example(), "wrong": Example({"kind": "a"}),
        "quotes": quotes(), "lines": lines, "courses": courses(), "vote": VoteForm(),
    }  # fmt: skip
    return render(request, "look.html", context)
