"""Where sessions are kept: the contract, and an adapter for each kind of place."""
