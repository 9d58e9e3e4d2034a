"""What a session learns of a person, and the figures about it: from data and a new message to changes."""
