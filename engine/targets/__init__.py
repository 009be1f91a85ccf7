"""Where work runs: the only place in the engine that touches processes, clusters and networks.

Nothing here knows a run, a persona or the database.
"""
