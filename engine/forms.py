"""Forms over runs: an answer, a vote, a start, a correction. Each is made from what the template declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms

from engine.actions.start_run import StartRun, problem_of_name
from engine.artefacts.store import ArtefactError
from engine.definition.document import Input
from engine.definition.vocabulary import FILE_TYPES
from engine.definition.yaml_text import YamlError, read
from engine.models import Artefact, Revision, Run, StepRun
from engine.outcomes import Needs
from lib import names
from people.access import can
from people.models import Team, User


def field_for(spec: Input, name: str) -> forms.Field:
    """The field for an input or an output of a type."""
    label, help_text = name.replace("_", " ").capitalize(), spec.help
    common: dict[str, Any] = {"required": not spec.optional, "label": label, "help_text": help_text}
    if spec.type in FILE_TYPES:
        return forms.FileField(**common)
    if spec.type == "boolean":
        return forms.BooleanField(**{**common, "required": False})
    if spec.type == "integer":
        return forms.IntegerField(**common)
    if spec.type == "number":
        return forms.FloatField(**common)
    if spec.type == "json":
        return forms.JSONField(**common)
    return forms.CharField(max_length=2000, **common)


def keep_file(value: Any, team: Team, user: User) -> Any:
    """An uploaded file as the value that runs name it by. Raises forms.ValidationError when it cannot be stored."""
    try:
        return Artefact.objects.keep(value, value.name, team, user).value()
    except ArtefactError as error:
        raise forms.ValidationError(str(error)) from error


class VoteForm(forms.Form):
    comment = forms.CharField(required=False, max_length=2000, widget=forms.TextInput)


class AnswerForm(forms.Form):
    """What a step done by hand asks for: its declared outputs, or which way to go."""

    comment = forms.CharField(required=False, max_length=2000, widget=forms.TextInput)

    def __init__(self, *args: Any, step: StepRun, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step = step
        needs = step.asks.needs if step.asks else Needs()
        made: dict[str, forms.Field] = {n: field_for(Input(type=t), n) for n, t in needs.outputs.items()}
        if needs.choices:
            pairs = [(choice, choice) for choice in needs.choices]
            made["choice"] = forms.ChoiceField(choices=pairs, label="Which way", widget=forms.RadioSelect)
        self.fields = made | self.fields
        self.asked = list(made)

    def kept(self, user: User) -> dict[str, Any] | None:
        """The answers as the step takes them, files stored first. None: one could not be, and the form says why."""
        team, values = self.step.run.team, {}
        for name in self.asked:
            value = self.cleaned_data[name]
            try:
                values[name] = keep_file(value, team, user) if hasattr(value, "chunks") else value
            except forms.ValidationError as error:
                self.add_error(name, error)
        return None if self.errors else values


class TellForm(forms.Form):
    """Somebody says that what a step waits for has happened."""

    name = forms.ChoiceField(label="What happened")
    values = forms.CharField(
        required=False, max_length=20_000, label="What there is to know about it",
        help_text="A line for each, like amount: 12", widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip

    def __init__(self, *args: Any, step: StepRun, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.step = step
        events = step.asks.needs.events if step.asks else ()
        self.fields["name"] = forms.ChoiceField(label="What happened", choices=[(name, name) for name in events])

    def clean_values(self) -> dict[str, Any]:
        try:
            values, _ = read(self.cleaned_data["values"] or "{}")
        except YamlError as error:
            line = error.problems[0].line
            raise forms.ValidationError(f"Line {line} cannot be read. Write it like amount: 12.") from error
        if not isinstance(values, dict):
            raise forms.ValidationError("Write a line for each, like amount: 12.")
        return values


class StartForm(forms.Form):
    """The inputs of a template, and what to call what comes of it."""

    def __init__(
        self, *args: Any, revision: Revision, user: User, kept: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        """`kept`: {input: sha256} of files that are here already: dropped on Home, or looked at in a plan."""
        super().__init__(*args, **kwargs)
        self.revision, self.user = revision, user
        inputs = revision.parsed.inputs
        self.inputs = list(inputs)
        self.held: set[str] = set()
        self.brought = ""  # the name of the first file that is here already
        self.fields |= {name: field_for(spec, name) for name, spec in inputs.items()}
        for name, sha256 in (kept or {}).items():
            self._hold(name, sha256)
        self.fields["name"] = forms.CharField(
            label="Name", help_text="What it is called where it is live: small letters, digits and -",
            required=bool(revision.parsed.done),
        )  # fmt: skip
        may_start = [team.pk for team in Team.objects.visible_to(user) if can(user, "start_in", team)]
        teams = Team.objects.filter(pk__in=may_start)
        self.fields["team"] = forms.ModelChoiceField(teams, initial=teams.first(), empty_label=None, label="Team")

    def _hold(self, name: str, sha256: str) -> None:
        """An input whose file is here already is shown by its name; it is not asked for again."""
        artefact = Artefact.objects.visible_to(self.user).filter(sha256=sha256).first()
        if artefact and name in self.fields:
            choices = [(sha256, f"{artefact.name}, {artefact.size:,} bytes")]
            label, needed = self.fields[name].label, self.fields[name].required
            choices += [] if needed else [("", "without it")]
            self.fields[name] = forms.ChoiceField(choices=choices, initial=sha256, label=label, required=needed)
            self.held.add(name)
            self.brought = self.brought or artefact.name

    def clean_name(self) -> str:
        name = names.normal(self.cleaned_data["name"])
        if name and (problem := problem_of_name(name)):
            raise forms.ValidationError(f"{problem}.")
        return name

    def start(self) -> StartRun:
        """The verb, ready to plan or execute. Uploaded files are stored."""
        data, team = self.cleaned_data, self.cleaned_data["team"]
        values = {name: self._value(name, team) for name in self.inputs if data.get(name) not in (None, "")}
        return StartRun(self.revision, team, self.user, values, name=data.get("name") or "")

    def _value(self, name: str, team: Team) -> Any:
        """An input as runs take it. A held file may be another team's of theirs: then this one has it too."""
        value = self.cleaned_data[name]
        if hasattr(value, "chunks"):
            return keep_file(value, team, self.user)
        if name in self.held:
            artefact = Artefact.objects.visible_to(self.user).filter(sha256=value)[0]
            defaults = {"name": artefact.name, "size": artefact.size, "made_by": self.user}
            return Artefact.objects.get_or_create(team=team, sha256=value, defaults=defaults)[0].value()
        return value


class CorrectForm(forms.Form):
    """The inputs of a failed run, to be corrected before it goes on. What is left as it is stays."""

    def __init__(
        self, *args: Any, run: Run, kept: Mapping[str, str] | None = None, only: Collection[str] | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """`kept`: {input: sha256} of files that came with a look at what would run again; `only`: of these inputs."""
        super().__init__(*args, **kwargs)
        self.run = run
        for name, spec in run.revision.parsed.inputs.items():
            if only is not None and name not in only:
                continue
            now = run.inputs.get(name, spec.default)
            self.fields[name] = (
                self._file(spec, name, now, (kept or {}).get(name, "")) if spec.type in FILE_TYPES
                else self._plain(spec, name, now)
            )  # fmt: skip

    def _plain(self, spec: Input, name: str, now: Any) -> forms.Field:
        made = field_for(spec, name)
        made.initial = now
        return made

    def _file(self, spec: Input, name: str, now: Any, kept: str) -> forms.Field:
        held = str(now.get("name") or now.get("sha256", "")[:12]) if isinstance(now, Mapping) else ""
        artefact = Artefact.objects.filter(team=self.run.team, sha256=kept).first() if kept else None
        made = field_for(spec, name)
        if artefact:
            choices = [(kept, f"{artefact.name}, {artefact.size:,} bytes"), ("", f"as it was: {held or 'none'}")]
            return forms.ChoiceField(choices=choices, initial="", required=False, label=made.label)
        made.required = False
        made.help_text = f"Now {held}. Choose another to put in its place." if held else spec.help
        return made

    def corrections(self, user: User) -> dict[str, Any] | None:
        """What differs, as runs take it, files stored first. None: one could not be, and the form says why."""
        corrections: dict[str, Any] = {}
        for name in self.changed_data:
            value = self.cleaned_data[name]
            try:
                corrections[name] = keep_file(value, self.run.team, user) if hasattr(value, "chunks") else value
            except forms.ValidationError as error:
                self.add_error(name, error)
        return None if self.errors else corrections


class AtMostForm(forms.Form):
    """How many steps may be at work at once; empty: as many as there are workers for."""

    at_most = forms.IntegerField(required=False, min_value=1, max_value=100_000, label="At most")
