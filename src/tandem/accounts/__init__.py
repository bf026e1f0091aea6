"""Balances, deposits, withdrawals and an account's own trades."""
