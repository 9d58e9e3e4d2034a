"""Reading memories in the forms that they come in from outside."""
