"""What researchers fill in. Each form says what is wrong in the words of the page."""

import re
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django import forms
from django.utils import timezone

from people.models import Persona, Team, User
from research.models import (
    Activity,
    Case,
    Consent,
    Insight,
    Observation,
    Overtaken,
    Participant,
    Session,
    Study,
    StudyRole,
)

M = TypeVar("M", Observation, Insight)
LOCAL = "%Y-%m-%dT%H:%M:%S"


class Moment(forms.DateTimeField):
    """A date and a time, in UTC like everything here."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format=LOCAL)
        super().__init__(widget=widget, input_formats=[LOCAL, "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], **options)


class ClockField(forms.CharField):
    """A moment of a session, typed as 41:12 or 0:41:12 and kept in milliseconds."""

    pattern = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?")

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        seconds, rest = divmod(value, 1000)
        shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{shown}.{rest:03}" if rest else shown

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        match = self.pattern.fullmatch(text)
        if not match or int(match[3]) > 59 or int(match[2]) > 59:
            raise forms.ValidationError("Write it as hours:minutes:seconds, for instance 0:41:12.")
        hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
        return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((match[4] or "0").ljust(3, "0"))


class StudyForm(forms.ModelForm[Study]):
    class Meta:
        model = Study
        fields = ["title", "question", "persona", "team"]

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        mine = Team.objects.visible_to(user)
        field = self.fields["team"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = mine | Team.objects.filter(studies=self.instance.pk).distinct()
        if not self.instance.pk:
            self.initial.setdefault("persona", user.persona or Persona.objects.first())
            self.initial.setdefault("team", mine.first())


class StudyMemberForm(forms.Form):
    username = forms.CharField(label="Username", max_length=150)
    role = forms.ChoiceField(choices=StudyRole.choices, initial=StudyRole.RESEARCHER)

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"], is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody has signed up under this name.")
        return user


class ParticipantForm(forms.ModelForm[Participant]):
    class Meta:
        model = Participant
        fields = ["persona", "about"]


class ConsentForm(forms.ModelForm[Consent]):
    """What the researcher reads out, and what the participant answers."""

    asked = forms.BooleanField(label="I have asked, and this is what they agreed to")
    until = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="After this day nothing of it is shown or counted.",
    )

    class Meta:
        model = Consent
        fields = ["notes", "quotes", "recording", "audience"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("until", (timezone.now() + timedelta(days=365)).date())

    def clean_notes(self) -> bool:
        if not self.cleaned_data["notes"]:
            raise forms.ValidationError("Without consent to notes nobody can be watched.")
        return True

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until and until <= timezone.now().date():
            raise forms.ValidationError("This day has passed: a consent ends in the future.")
        return until

    def save(self, commit: bool = True) -> Consent:
        until = self.cleaned_data["until"]
        if until:
            self.instance.expires_at = datetime(
                until.year, until.month, until.day, tzinfo=timezone.get_default_timezone()
            )
        saved: Consent = super().save(commit)
        return saved


class CaseForm(forms.ModelForm[Case]):
    class Meta:
        model = Case
        fields = ["title", "outcome"]


class SessionForm(forms.ModelForm[Session]):
    """A session that is planned, or one that was held without this program."""

    planned_for = Moment(required=False, help_text="UTC. Leave the times below empty for a session that is to come.")
    started_at = Moment(label="Began", required=False)
    ended_at = Moment(label="Ended", required=False)

    class Meta:
        model = Session
        fields = ["sort", "participants", "case", "planned_for", "started_at", "ended_at", "about"]
        widgets = {"participants": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, study: Study, **options: Any) -> None:
        super().__init__(*args, **options)
        people, case = self.fields["participants"], self.fields["case"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        assert isinstance(case, forms.ModelChoiceField)
        people.queryset = study.participants.all()
        case.queryset = study.cases.all()


class SetupForm(forms.Form):
    """What must be known before the clock of a live log starts: whom, with what consent, at what work."""

    participant = forms.ModelChoiceField(
        Participant.objects.none(), required=False, label="Whom", empty_label="Somebody new"
    )
    persona = forms.ModelChoiceField(Persona.objects.all(), required=False, label="Persona of somebody new")
    about = forms.CharField(required=False, label="Context of somebody new", max_length=500)
    sort = forms.ChoiceField(choices=Session.Sort.choices, label="Kind")
    case = forms.ModelChoiceField(Case.objects.none(), required=False, empty_label="Something new")
    case_title = forms.CharField(required=False, max_length=160, label="What are they working on?")

    def __init__(self, *args: Any, session: Session, **options: Any) -> None:
        super().__init__(*args, **options)
        self.session = session
        people, case = self.fields["participant"], self.fields["case"]
        assert isinstance(people, forms.ModelChoiceField)
        assert isinstance(case, forms.ModelChoiceField)
        people.queryset = session.study.participants.all()
        case.queryset = session.study.cases.all()
        self.initial.setdefault("persona", session.study.persona_id)
        self.initial.setdefault("sort", session.sort)
        self.initial.setdefault("participant", session.participants.first())
        self.initial.setdefault("case", session.case_id)

    @property
    def proposed_consents(self) -> bool:
        """Whether the person shown at first may be watched without being asked again."""
        chosen = self.initial["participant"]
        if not isinstance(chosen, Participant):
            wanted = int(chosen) if str(chosen or "").isdecimal() else 0
            chosen = self.session.study.participants.filter(pk=wanted).first()
            self.initial["participant"] = chosen
        return bool(chosen and chosen.consent and chosen.consent.state == "in force")

    @property
    def needs_consent(self) -> bool:
        """Whether the person chosen has to be asked now."""
        chosen = self.cleaned_data.get("participant")
        return chosen is None or chosen.consent is None or chosen.consent.state != "in force"

    def chosen_case(self) -> Case | None:
        title = self.cleaned_data["case_title"].strip()
        if title:
            return Case.objects.create(study=self.session.study, title=title)
        case: Case | None = self.cleaned_data["case"]
        return case

    def chosen_participant(self) -> Participant:
        participant: Participant | None = self.cleaned_data["participant"]
        if participant is None:
            persona = self.cleaned_data["persona"] or self.session.study.persona
            participant = self.session.study.new_participant(persona=persona, about=self.cleaned_data["about"])
        return participant


class RevisionForm(forms.ModelForm[M]):
    """Over a row that others change too. It carries the revision that was read, and replaces no other one."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    always: dict[str, Any] = {}  # what becomes of the row whatever was typed
    overtaken = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["revision"] = self.instance.revision

    @property
    def names(self) -> list[str]:
        return [name for name in self.fields if name != "revision"]

    def save(self, commit: bool = True) -> M:
        """Raises Overtaken, unless somebody else made of it just what was typed."""
        if self.instance._state.adding:
            super().save(commit)
            return self.instance
        typed = {name: getattr(self.instance, name) for name in self.names} | self.always
        try:
            self.instance.change(self.cleaned_data["revision"] or 0, **typed)
        except Overtaken as overtaken:
            if self.differences(overtaken.now):
                raise
        return self.instance

    def differences(self, now: Any) -> list[str]:
        """The names of the fields in which what was typed is not what is here now."""
        return [name for name in self.names if plain(getattr(self.instance, name)) != plain(getattr(now, name))]

    def lay_beside(self, now: Any) -> None:
        """Say what is here now and leave in the form what was typed: saved again, it replaces what was laid beside."""
        self.overtaken = True
        differences: list[str] = [
            f"{self.fields[name].label}: {self.in_words(name, now)}" for name in self.differences(now)
        ]
        self.data = {name: self.data.get(name) for name in self.data} | {"revision": now.revision}
        first = "Somebody else changed this while you did. What you typed is in the form and would replace this:"
        self.add_error(None, [forms.ValidationError(line) for line in (first, *differences)])

    def in_words(self, name: str, now: Any) -> str:
        value, field = getattr(now, name), self.fields[name]
        if value is None:
            return "nothing"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if display := getattr(now, f"get_{name}_display", None):
            return str(display())
        return str(field.prepare_value(value) if isinstance(field, ClockField) else value) or "nothing"


def plain(value: Any) -> Any:
    """A browser ends lines in its own way."""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


class ObservationForm(RevisionForm[Observation]):
    always = {"going": False}
    at = ClockField(label="From")
    until = ClockField(label="To", required=False)

    class Meta:
        model = Observation
        fields = ["at", "until", "kind", "source", "activity", "participant", "case", "text", "quote", "marked"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        session = self.instance.session
        choices: dict[str, Any] = {
            "activity": Activity.objects.filter(persona=session.persona),
            "participant": session.participants.all(),
            "case": session.study.cases.all(),
        }
        for name, queryset in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = queryset


class InsightForm(RevisionForm[Insight]):
    class Meta:
        model = Insight
        fields = ["title", "text", "study", "persona"]

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        studies = Study.objects.watched_by(user)
        field = self.fields["study"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = studies
        if not self.instance.pk and (first := studies.first()):
            self.initial.setdefault("study", first)
            self.initial.setdefault("persona", first.persona)
