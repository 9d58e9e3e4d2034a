"""What carries everything stored elsewhere: migration between storages, backups with their way back."""
