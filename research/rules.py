"""Who may do what with evidence: the study decides, whatever a person is elsewhere."""

from typing import Any

import rules

from people.models import Role
from research.models import RESEARCHERS, StudyRole


def study_of(thing: Any) -> Any:
    if thing is None or thing.__class__.__name__ == "Study":
        return thing
    return thing.participant.study if thing.__class__.__name__ == "Consent" else thing.study


def role(*roles: str) -> Any:
    """A predicate: the person has one of these roles in the study that the object belongs to."""

    @rules.predicate(f"study:{'|'.join(roles) or 'any'}")
    def holds(user: Any, thing: Any) -> bool:
        study = study_of(thing)
        return bool(study and user.is_authenticated and study.has(user, *roles))

    return holds


@rules.predicate
def researches(user: Any) -> bool:
    return bool(user.is_authenticated and user.has_role(Role.RESEARCHER, Role.ADMIN))


member = role()
researcher = role(*RESEARCHERS)
lead = role(StudyRole.LEAD)

rules.add_perm("research.add_study", researches)
rules.add_perm("research.view_study", member)
rules.add_perm("research.change_study", lead)
rules.add_perm("research.remove_study", lead)
rules.add_perm("research.watch_study", researcher)  # log in it and add to it
rules.add_perm("research.export_study", member)
for thing in ("participant", "case", "session", "observation", "insight", "consent"):
    rules.add_perm(f"research.view_{thing}", member)
    rules.add_perm(f"research.change_{thing}", researcher)
    rules.add_perm(f"research.remove_{thing}", researcher)
