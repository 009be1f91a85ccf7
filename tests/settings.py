"""The server's settings in a home of their own: tests never touch the checkout's var/.

A module and not a fixture, because pytest-django reads settings before any conftest.py.
"""

import atexit
import os
import shutil
import tempfile

# A server that a browser test starts is told which home; everybody else gets a fresh one, each worker of xdist too.
if given := os.environ.get("DESIREPATH_TESTS_HOME"):
    os.environ["DESIREPATH_HOME"] = given
else:
    os.environ["DESIREPATH_HOME"] = tempfile.mkdtemp(prefix="desirepath-tests-")
    atexit.register(shutil.rmtree, os.environ["DESIREPATH_HOME"], ignore_errors=True)
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's sync API runs an event loop in this thread

from server.settings import *  # noqa: F403
from server.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# The database file of this very home, so that a server in another process sees the rows of the test.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(DATABASES["default"]["NAME"])}
