"""endpoint.fallback_rehearsed: whether the way back was proved for this version."""

from engine.steps.way_back import Rehearsed


class FallbackRehearsed(Rehearsed):
    name = "endpoint.fallback_rehearsed"
    noun = "version"


KIND = FallbackRehearsed()
