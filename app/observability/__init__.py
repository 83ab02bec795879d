"""What an operator sees of a running gateway. Rows are never logged."""
