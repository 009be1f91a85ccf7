"""Waiting for what must come to pass, with a deadline."""

import time


def until(found, seconds=20.0, what=""):
    """Call until it returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain {what}"
        time.sleep(0.01)


def until_state(target, name, *states, seconds=20.0):
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
