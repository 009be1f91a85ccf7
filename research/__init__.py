"""What was seen and said: studies, participants and their consent, cases, sessions, observations, insights.

Imports people only. `research.reading` decides who may read a quote, each time it is read.
"""
