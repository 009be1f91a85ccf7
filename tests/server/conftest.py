"""The thread as rows."""

from tests.thread import *  # noqa: F403
