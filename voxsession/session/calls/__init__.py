"""What a live call keeps in its session."""
