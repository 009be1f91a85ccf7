"""Who may do what with teams and personas, and the predicates other rooms build their own rules from."""

from typing import Any

import rules

from people.models import Role


def role(*roles: str) -> Any:
    """A predicate: the person has one of these roles on the team that the object belongs to."""

    @rules.predicate(f"role:{'|'.join(roles) or 'any'}")
    def holds(user: Any, thing: Any) -> bool:
        team = thing if thing is None or hasattr(thing, "memberships") else getattr(thing, "team", None)
        return bool(team and user.is_authenticated and team.has(user, *roles))

    return holds


@rules.predicate
def champion(user: Any, thing: Any) -> bool:
    """The person speaks for the persona (or for the persona of the object)."""
    persona_id = thing.pk if thing.__class__.__name__ == "Persona" else getattr(thing, "persona_id", None)
    return bool(user.is_authenticated and user.champions(persona_id))


@rules.predicate
def has_role_admin(user: Any) -> bool:
    return bool(user.is_authenticated and user.has_role(Role.ADMIN))


member = role()
admin = role(Role.ADMIN)
engineer = role(Role.ENGINEER, Role.ADMIN)

rules.add_perm("people.view_team", member)
rules.add_perm("people.change_team", admin)
rules.add_perm("people.add_team", has_role_admin | rules.is_superuser)
rules.add_perm("people.view_persona", rules.is_authenticated)
rules.add_perm("people.change_persona", champion | has_role_admin)
