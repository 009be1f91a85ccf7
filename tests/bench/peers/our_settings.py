"""The server's settings with another `synchronous`, so that what FULL costs can be said. Nobody runs on these."""

import os

from server.settings import *  # noqa: F403
from server.settings import DATABASES

if os.environ.get("BENCH_VARIANT") == "NORMAL":
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=NORMAL")
