"""Waiting for the state of a workload."""

from tests.waiting import BOUND, until


def until_state(target, name, *states, seconds=BOUND):
    """The status, once it is one of these states."""
    seen = []

    def look():
        status = target.status(name)
        seen.append(status)
        return status if status.state in states else None

    try:
        return until(look, seconds)
    except AssertionError:
        raise AssertionError(f"{name} is {seen[-1]}, not {states}: {target.logs(name).text[-500:]}") from None
