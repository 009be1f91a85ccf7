"""service.rollback_rehearsed: whether the way back was proved for this release."""

from engine.steps.way_back import Rehearsed


class RollbackRehearsed(Rehearsed):
    name = "service.rollback_rehearsed"
    one = "release"


KIND = RollbackRehearsed()
