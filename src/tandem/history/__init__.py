"""Every order, trade and movement for ever: the log told into SQL, and read from there."""
