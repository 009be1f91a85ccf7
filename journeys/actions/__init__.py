"""Verbs that join rooms: draft a map from evidence, import an ideal one, derive a template."""
