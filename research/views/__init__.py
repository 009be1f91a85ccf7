"""The pages of this room. Each view: fetch with permission, form, verb, redirect."""
