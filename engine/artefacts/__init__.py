"""What people hand in, kept by content and read without running any of it. No database."""
