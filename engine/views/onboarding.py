"""What a template will do with a person's file, in their persona's words, before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.definition.document import Template
from engine.definition.expressions import expressions_in
from engine.definition.flow import Leaf
from engine.definition.outline import Stop, stops
from engine.definition.vocabulary import article
from engine.models import Revision
from engine.steps import catalogue, registry
from engine.views import marks
from engine.views.watched import Watched
from people.models import Persona
from people.models.persona import plain_words

MOST_STEPS = 40  # steps shown


@dataclass(frozen=True)
class OnboardingLine:
    """One line of the course: its sign, what it does, in which circumstances, and what it took people."""

    number: int
    title: str
    does: str
    sign: str  # control, crossing (somebody says yes) or person (done by hand)
    where: tuple[str, ...] = ()
    aside: str = ""  # what it alone depends on
    maybe: bool = False
    watched: Watched | None = None  # None: nobody watched anybody for this template


@dataclass(frozen=True)
class Onboarding:
    revision: Revision
    have: str  # “You have a trained model in a .pkl file”
    lines: list[OnboardingLine]
    more: int
    done: list[tuple[str, str]]  # what each criterion is called, and what it looks at
    plural: str  # whose done it is

    @property
    def steps(self) -> int:
        return len(self.lines) + self.more

    @property
    def watched(self) -> bool:
        return any(line.watched for line in self.lines)


def onboarding(revision: Revision, file: str = "") -> Onboarding:
    """`file`: the name of the dropped file, which replaces the persona's own word for it in the text."""
    persona, document = revision.template.persona, revision.parsed
    every = stops(document.flow.root)
    watched = marks.watched_of(revision)
    known = Wording(persona, file)
    lines = [
        _line(number, stop, document, known, watched.get(stop.leaf.id, Watched(0, 0, 0)) if watched else None)
        for number, stop in enumerate(every[:MOST_STEPS], 1)
    ]
    done = [(leaf.name, known.does(leaf)) for leaf in document.done]
    return Onboarding(revision, known.have, lines, len(every) - len(lines), done, persona.plural if persona else "")


class Wording:
    """A persona's words, with the name of their file where it is known."""

    def __init__(self, persona: Persona | None, file: str) -> None:
        self.persona, self.file = persona, file
        self.words = persona.says() if persona else plain_words()

    @property
    def have(self) -> str:
        return f"You have {self.file}" if self.file else self.words["have"]

    def does(self, leaf: Leaf) -> str:
        text = catalogue.says(leaf, self.persona)["does"]
        if leaf.uses == "manual" and (asked := leaf.with_.get("instructions")) and not any(expressions_in(asked)):
            # Its author says what is to be done, the kind only that somebody does it.
            text = str(asked).removeprefix(f"{leaf.name}: ")
            text = f"{text[:1].upper()}{text[1:]}"
        return text.replace(f"your {self.words['artefact']}", self.file) if self.file else text


def _line(number: int, stop: Stop, document: Template, known: Wording, watched: Watched | None) -> OnboardingLine:
    leaf = stop.leaf
    lacks = " or ".join(article(name.replace("_", " ")) for name in _lacks(leaf, document))
    aside = ", ".join(part for part in (stop.only, f"skipped without {lacks}" if lacks else "") if part)
    sign = {"approve": "crossing", "manual": "person"}.get(leaf.uses, "control")
    return OnboardingLine(
        number, leaf.name, known.does(leaf), sign, stop.where, aside, stop.maybe or bool(lacks), watched
    )


def _lacks(leaf: Leaf, document: Template) -> Iterable[str]:
    """The optional inputs without which this step is skipped."""
    kind = registry().get(leaf.uses)
    fields = kind.form.model_fields if kind else {}
    for key, value in leaf.with_.items():
        if key not in fields or not fields[key].is_required():
            continue
        for name in sorted({r.name for e in expressions_in(value) for r in e.references if r.root == "inputs"}):
            spec = document.inputs.get(name)
            if spec and spec.optional and spec.default is None:
                yield name
