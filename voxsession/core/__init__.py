"""Plain data: what is said, remembered and changed; no I/O, no clock, no randomness."""
