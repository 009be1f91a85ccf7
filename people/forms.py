"""What people fill in about themselves and their teams."""

from typing import Any

from django import forms
from django.db.models import Q

from lib import names
from people.models import Invitation, Membership, Role, Team, User

LONGEST_KEY = 80  # of a team's key


class ProfileForm(forms.ModelForm[User]):
    first_name = forms.CharField(label="Name", required=False, max_length=150, help_text="As others see it.")

    class Meta:
        model = User
        fields = ["first_name", "email", "persona"]
        labels = {"email": "E-mail"}
        help_texts = {"persona": "It decides which words you read and which template you start with."}


class TeamForm(forms.ModelForm[Team]):
    class Meta:
        model = Team
        fields = ["name"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        key = names.key(name, LONGEST_KEY)
        if not key:
            raise forms.ValidationError("A team's name needs at least one letter or digit.")
        same = Q(slug=key) | Q(name=name)  # keys made before names had any script differ from those made now
        if taken := Team.objects.filter(same).exclude(pk=self.instance.pk).first():
            raise forms.ValidationError(f"There is a team with this name already ({taken.slug}).")
        return name

    def save(self, commit: bool = True) -> Team:
        if not self.instance.slug:  # an address stays what it was when the name changes
            self.instance.slug = names.key(self.cleaned_data["name"], LONGEST_KEY)
        saved: Team = super().save(commit)
        return saved


class InvitationForm(forms.ModelForm[Invitation]):
    class Meta:
        model = Invitation
        fields = ["role", "persona"]


class MemberForm(forms.Form):
    """Put somebody who has signed up already on the team."""

    username = forms.CharField(label="Username", max_length=150)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ENGINEER)

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"], is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody has signed up under this name. Send them an invitation.")
        return user

    def save(self, team: Team) -> Membership:
        cleaned: dict[str, Any] = self.cleaned_data
        return Membership.objects.get_or_create(team=team, user=cleaned["username"], role=cleaned["role"])[0]
