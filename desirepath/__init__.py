"""The client: a terminal's `desirepath` and a notebook's `from desirepath.client import Desirepath`.

Speaks to the REST API alone and imports nothing of the server, so `pip install .` needs no Django.
"""

__version__ = "0.3.0"
