"""The example's app, walked for real: released twice without a lost request, done, and back again when it is broken."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.homes import Home, environments_folder, home, seed

pytestmark = pytest.mark.model
__all__ = ["environments_folder", "home", "seed"]

BEGIN = """
    import io, sys
    from django.conf import settings
    from rich.console import Console
    from server import example
    from server.installation.embedded import Embedded
    from server.demo.app import CHECK, AppWalk, copied
    from server.demo.telling import Telling
    walk = AppWalk(
        Telling(Console(file=sys.stdout, width=200)), Embedded(settings.DESIREPATH_HOME), example.people()
    )
"""
# A page that cannot be shown, while what is asked for before the switch still answers.
BROKEN = """
    with copied("9.9") as folder:
        (folder / "shelf" / "templates" / "index.html").write_text("{{ nothing.at.all() }}")
        described = folder / "app.json"
        described.write_text(described.read_text().replace("python -m unittest", "true"))
        served = walk.engineer.push(folder, name=walk.name, check=CHECK, until="done", tell=walk.telling.event)
    print(served.run["state"], served.deployment["traffic"])
    # Its worker was started again, so that for three seconds it has not run for as long as done asks.
    walk.wait_until_done()
"""


def test_it_walks_to_done_and_a_release_that_does_not_answer_is_taken_back(home: Home) -> None:
    home.up()
    told = home.python(f"{BEGIN}\n    walk.walk()")
    assert "shelf 2 is done, by the app developers' own criteria" in told
    sent, failed = re.findall(r"(\d+) requests were sent through both switches, (\d+) failed", told)[0]
    assert int(sent) > 20
    assert failed == "0"
    assert '"out":1' in told, "what was taken from release 1 is out in release 2"
    assert "In two years I went back once." in told

    told = home.python(BEGIN + BROKEN)
    assert "release 2 answers again" in told
    assert "succeeded {'2': 100, '3': 0}\n" in told
    assert "shelf 2 is done" in told
    address = re.search(r"http://\S+:\d+", told)
    assert address
    assert "Version 1.1" in httpx.get(address[0], timeout=10).text
