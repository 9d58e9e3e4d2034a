"""Timings beside named peers; measured, never asserted."""
