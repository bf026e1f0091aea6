"""Entry points that wire the parts together."""
