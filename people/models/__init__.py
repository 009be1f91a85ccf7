"""The tables of this room: `people.models.User`, `Team`, `Membership`, `Invitation`, `Persona`, `PersonaChampion`."""

from people.models.persona import Persona, PersonaChampion
from people.models.team import Invitation, Membership, Role, Team
from people.models.user import User

__all__ = ["Invitation", "Membership", "Persona", "PersonaChampion", "Role", "Team", "User"]
