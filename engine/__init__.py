"""Flow, template, run, steps, targets, deployments and their done criteria.

Knows people and teams, but nothing of research or journeys. Only `targets/` touches the outside.
"""
