"""What could be a library of its own: no word of ours, no table, no Django (but in `pages`)."""
