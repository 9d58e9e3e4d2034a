"""What looks after all sessions of an installation: cleaning up, erasing, handing on to another key."""
