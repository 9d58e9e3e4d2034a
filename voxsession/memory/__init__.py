"""What is remembered: counting, choosing, finding, extracting."""
