"""Orders: placing, cancelling and asking about them."""
