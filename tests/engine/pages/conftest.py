"""The thread as rows, with the people of every test and not the engine's own."""

from tests.conftest import alice, team  # noqa: F401
from tests.running import *  # noqa: F403
from tests.thread import *  # noqa: F403
