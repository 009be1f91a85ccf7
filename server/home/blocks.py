"""What stands on Home, and for whom. A block is a template and what it shows; None for somebody it is not for."""

from people.models import User
from research.models import Session, Study
from server.home.page import BEGINNINGS, BLOCKS, Beginning, HomeBlock


def researcher(user: User) -> HomeBlock | None:
    """Start watching; sessions under way, planned, or not reviewed yet."""
    studies = Study.objects.watched_by(user)
    if not studies and not user.has_role("researcher"):
        return None
    mine = Session.objects.visible_to(user).select_related("study", "case").prefetch_related("participants")
    context = {
        "studies": studies,
        "live": mine.live(),
        "planned": mine.planned().filter(planned_for__isnull=False).order_by("planned_for")[:5],
        "unreviewed": mine.unreviewed()[:8],
    }
    return HomeBlock("research/home.html", context)


def watching(user: User) -> list[Beginning]:
    if not user.has_role("researcher", "admin"):
        return []
    about = "Make a study, sit down beside the people, and log what they do."
    return [Beginning("A question about how people work", about, "/studies/new/", "New study")]


BLOCKS.append(researcher)
BEGINNINGS.append(watching)
