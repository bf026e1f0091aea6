"""What operators do: markets, assets, credits and halts."""
