"""Live calls by the global ids of their conversations."""
