"""Real servers for the tests, started from binaries that are found or borrowed."""
