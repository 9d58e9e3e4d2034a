"""Data to documents to sealed records, with the way back."""
