#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError

from server.installation.environment import DATABASE, WrongEnvironment

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    try:
        execute_from_command_line(sys.argv)
    except WrongEnvironment as error:
        sys.exit(str(error))
    except OperationalError as error:
        if not DATABASE.value() or "connection" not in str(error):
            raise
        said = str(error).strip().splitlines()[0]
        sys.exit(f"The database that {DATABASE.name} names does not answer: {said}\nLook whether it runs.")
