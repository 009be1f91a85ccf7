"""The pages of this room: personas, journeys and their maps, sign-off, and the trace."""
