"""Users, sessions, API keys and request signatures."""
