"""What was seen and said: studies, participants and their consent, cases, sessions, observations, insights.

Imports people only. What may be read of a quote is decided in `research.models`, where it is read.
"""
