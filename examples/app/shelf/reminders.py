"""Reminds who is late, once a minute: the worker process. For now a reminder is a line in the log."""

import signal
import threading

from shelf.store import Shelf


def main() -> None:
    ending = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ending.set())
    shelf = Shelf.from_environment()
    print(f"Reminding after {shelf.days} days", flush=True)
    while not ending.is_set():
        for thing in shelf.remind():
            print(f"Dear {thing.taken_by}, somebody may be waiting for: {thing.name}", flush=True)
        ending.wait(60)


if __name__ == "__main__":
    main()
