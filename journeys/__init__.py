"""Maps, discovery, comparison, sign-off, deriving a template, and the trace.

Joins evidence (research) with runs (engine); neither of those imports this room.
"""
