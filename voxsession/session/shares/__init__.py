"""Sharing: what one person lets another have of a session."""
