"""The pages of this room: settings and theme, teams and invitations, the terminal's sign-in."""
