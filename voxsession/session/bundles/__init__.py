"""Whole sessions on their way out and in."""
