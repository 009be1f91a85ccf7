"""What a run's rows become, in one short transaction. Calls no target and no kind."""
