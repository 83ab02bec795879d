"""One piece at a time, with nothing read or written."""
