"""Which molecule each read is a copy of."""
