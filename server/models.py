"""Tables of this room: the search index."""

from server.search.entry import Entry

__all__ = ["Entry"]
