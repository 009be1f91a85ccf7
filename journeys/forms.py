"""Forms of this room: a journey, a cell, a binding, a sign-off."""

from __future__ import annotations

from typing import Any

from django import forms

from engine.definition import yaml_text
from engine.definition.flow import Leaf
from engine.steps import registry
from journeys.models import Journey, JourneyMap
from research.models import Study


class JourneyForm(forms.ModelForm[Journey]):
    class Meta:
        model = Journey
        fields = ["title", "persona", "study"]
        help_texts = {
            "title": "From what they start with to their own done: “From the last change to somebody using it”.",
            "study": "Whose sessions it is drawn from.",
        }

    def __init__(self, *args: Any, studies: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["study"].queryset = studies if studies is not None else Study.objects.none()  # type: ignore[attr-defined]
        self.fields["study"].required = True


class CellForm(forms.Form):
    text = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class BindForm(forms.Form):
    """Binds a leaf of the flow to a step kind with its settings."""

    uses = forms.ChoiceField(label="Step kind")
    settings = forms.CharField(
        label="Settings", required=False, widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
        help_text="YAML, for instance traffic: 10",
    )  # fmt: skip

    def __init__(self, *args: Any, map_: JourneyMap, key: str, **kwargs: Any) -> None:
        leaf = map_.leaf(key) or Leaf(key)
        settings = yaml_text.write(dict(leaf.with_)) if leaf.with_ else ""
        kwargs.setdefault("initial", {"uses": leaf.uses, "settings": settings})
        super().__init__(*args, **kwargs)
        kinds = sorted(registry())
        self.fields["uses"].choices = [("", "nothing yet"), *((k, k) for k in kinds)]  # type: ignore[attr-defined]
        self.fields["uses"].required = False

    def clean_settings(self) -> dict[str, Any]:
        try:
            settings, _ = yaml_text.read(self.cleaned_data["settings"] or "{}")
        except yaml_text.YamlError as error:
            raise forms.ValidationError(str(error)) from error
        if not isinstance(settings, dict):
            raise forms.ValidationError("Settings are written as name: value.")
        return settings

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind = registry().get(data.get("uses", ""))
        if kind and "settings" in data:
            for message in kind.check(Leaf("step", uses=kind.name, with_=data["settings"])):
                self.add_error("settings", message)
        return data


class SignForm(forms.Form):
    comment = forms.CharField(required=False, max_length=2000, widget=forms.TextInput, label="What you want to say")
