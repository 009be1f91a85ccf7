"""Teams, their members with their roles, and invitations."""

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from people.keys import KeyField

if TYPE_CHECKING:
    from people.models.user import User


class Role(models.TextChoices):
    RESEARCHER = "researcher", "Researcher"  # watches people work and logs what they see
    CHAMPION = "champion", "Champion"  # speaks for a persona: signs maps off, publishes templates
    ENGINEER = "engineer", "Engineer"  # runs templates and owns what is live
    EXECUTIVE = "executive", "Executive"  # reads outcomes
    VIEWER = "viewer", "Viewer"  # reads
    ADMIN = "admin", "Admin"  # invites and removes people


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(memberships__user=user).distinct()


class Team(models.Model):
    """Owns runs, deployments, secrets and targets."""

    name = models.CharField(max_length=80)
    slug = KeyField(max_length=80, unique=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    example = models.BooleanField(default=False)  # made by the example: left out of every number

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def add(self, user: "User", *roles: str) -> None:
        """Give this person these roles here; asking twice changes nothing."""
        for role in roles:
            self.memberships.get_or_create(user=user, role=role)

    def has(self, user: "User", *roles: str) -> bool:
        """Whether this person is on the team, in one of these roles if any are named."""
        mine = self.memberships.filter(user=user)
        return (mine.filter(role__in=roles) if roles else mine).exists()


class Membership(models.Model):
    """One role of one person on one team; a person with two roles has two."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        ordering = ["team__name", "user__username", "role"]
        constraints = [models.UniqueConstraint(fields=["team", "user", "role"], name="one_membership_per_role")]

    def __str__(self) -> str:
        return f"{self.user} · {self.team} · {self.get_role_display()}"


def invitation_token() -> str:
    return secrets.token_urlsafe(24)


def invitation_expiry() -> datetime:
    return timezone.now() + timedelta(days=14)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        return self.filter(accepted_by=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """A link that lets one person sign up and puts them on a team."""

    token = models.CharField(max_length=64, unique=True, default=invitation_token, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.ENGINEER)
    persona = models.ForeignKey("people.Persona", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=invitation_expiry)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.team} · {self.get_role_display()}"

    def accept(self, user: "User") -> None:
        """Put the person on the team. A link works once."""
        self.team.add(user, self.role)
        if user.persona_id is None and self.persona_id:
            user.persona = self.persona
            user.save(update_fields=["persona"])
        self.accepted_by = user
        self.save(update_fields=["accepted_by"])
