"""Who is here: users, teams, roles, personas with their words, champions, and the check every view fetches through.

Imports no other room. Rules about one thing are on its model; what may be done with it is in `access`.
"""
