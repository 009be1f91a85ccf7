"""endpoint.rollback: the traffic as it was before this run."""

from engine.steps.way_back import Rollback


class EndpointRollback(Rollback):
    name = "endpoint.rollback"
    noun = "version"


KIND = EndpointRollback()
