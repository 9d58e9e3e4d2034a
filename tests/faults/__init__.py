"""Faults that every storage has to survive: killed, paused, cut off, full, set back, altered by hand."""
