"""Who may take which step. One conditional update decides; nothing is executed here."""
