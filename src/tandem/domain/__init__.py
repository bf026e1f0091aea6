"""Pure Python: money, market rules, ids, errors and the protocols that platform implements."""
