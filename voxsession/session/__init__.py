"""A live session: the only floor that applies changes or decides what is saved."""
