"""service.rollback_rehearsed: whether the way back was proved for this release."""

from engine.steps.way_back import Rehearsed


class RollbackRehearsed(Rehearsed):
    name = "service.rollback_rehearsed"
    noun = "release"


KIND = RollbackRehearsed()
