"""What every process of the server imports as it starts: time and memory of each `manage.py`, web and engine."""

import os
import subprocess
import sys

from tests.homes import CHECKOUT

# Each takes 0.05 to 0.5 s to import, and is needed by a few pages or steps only.
ONLY_WHERE_NEEDED = {"celpy", "lark", "pendulum", "networkx", "markdown_it", "rich", "celery", "opentelemetry", "httpx"}


def test_a_start_imports_nothing_that_only_some_pages_or_steps_need():
    code = "import sys, django; django.setup(); import server.asgi, server.urls; print('\\n'.join(sys.modules))"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "server.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=True
    )
    assert "engine.models" in done.stdout.split()
    assert set(done.stdout.split()) & ONLY_WHERE_NEEDED == set()
