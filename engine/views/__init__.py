"""The pages of this room: runs, what is live, templates. Each view: fetch with permission, form, verb, redirect."""
