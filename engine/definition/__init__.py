"""What a workflow is before anything runs. Values only: no Django, no clock, no files."""
