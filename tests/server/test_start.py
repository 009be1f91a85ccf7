"""What a process of the server imports as it starts: the time and the memory of each command, web and engine."""

import os
import subprocess
import sys

from tests.homes import CHECKOUT

# Each takes 0.05 to 0.5 s to import, and a few pages or steps need it.
ONLY_WHERE_NEEDED = {"celpy", "lark", "pendulum", "networkx", "markdown_it", "rich", "celery", "opentelemetry", "httpx"}
# What only web needs, and who executes steps.
NOT_FOR_COMMANDS = {
    "engine.views",
    "engine.steps",
    "engine.forms",
    "research.views",
    "pydantic",
    "rest_framework.views",
}


def imported_by(code: str) -> set[str]:
    program = f"import sys, django; django.setup(); {code}; print('\\n'.join(sys.modules))"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "server.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "engine.models" in modules
    return modules


def test_web_starts_without_what_only_some_pages_need():
    assert imported_by("import server.asgi, server.urls") & ONLY_WHERE_NEEDED == set()


def test_a_command_starts_without_pages_and_step_kinds():
    assert imported_by("pass") & (ONLY_WHERE_NEEDED | NOT_FOR_COMMANDS) == set()
