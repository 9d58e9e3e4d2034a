"""Conversations that leave others, and come back to them."""
