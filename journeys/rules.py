"""Who may do what with journeys: everybody reads, the champion of the persona edits and signs."""

import rules

from people.rules import champion, has_role_admin
from research.rules import researches

rules.add_perm("journeys.view_journey", rules.is_authenticated)
rules.add_perm("journeys.add_journey", researches)
rules.add_perm("journeys.change_journeymap", champion)
rules.add_perm("journeys.draft_journey", champion | researches | has_role_admin)
rules.add_perm("journeys.sign_mapversion", champion)
