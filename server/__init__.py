"""The Django project: settings, addresses, Home, search, and what every page shares.

Rules about people, evidence, journeys and runs live in their own rooms; this one only puts them together.
It may import every other room, and no other room imports it.
"""
