"""Who may do what with runs, deployments and templates."""

from typing import Any

import rules

from people.models import Role
from people.rules import champion, engineer, member

author = rules.predicate(
    lambda user: user.is_authenticated and user.has_role(Role.ENGINEER, Role.CHAMPION, Role.RESEARCHER, Role.ADMIN)
)


@rules.predicate
def starter(user: Any, team: Any) -> bool:
    """May start runs for this team."""
    return bool(team and user.is_authenticated and team.has(user, Role.ENGINEER, Role.CHAMPION, Role.ADMIN))


@rules.predicate
def starter_of(user: Any, thing: Any) -> bool:
    """May start runs for the team that this belongs to."""
    return bool(starter(user, thing.team if thing else None))


rules.add_perm("people.start_in_team", starter)
rules.add_perm("engine.view_run", member)
rules.add_perm("engine.change_run", engineer)
rules.add_perm("engine.view_deployment", member)
rules.add_perm("engine.change_deployment", engineer)
rules.add_perm("engine.add_template", author)
rules.add_perm("engine.publish_revision", champion)
rules.add_perm("engine.limit_template", champion)
rules.add_perm("engine.view_schedule", member)
rules.add_perm("engine.change_schedule", starter_of)
rules.add_perm("engine.view_limit", rules.always_allow)
rules.add_perm("engine.view_target", member)
