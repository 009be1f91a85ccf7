"""service.rollback: the requests, and the workers, as they were before this run."""

from engine.steps.way_back import Rollback


class ServiceRollback(Rollback):
    name = "service.rollback"
    noun = "release"


KIND = ServiceRollback()
