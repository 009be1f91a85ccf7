"""Verbs that span tables: a file each, with a check and an execute. One table's rules are on its model."""
