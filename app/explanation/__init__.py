"""What became of everything that was sent: why it counts or does not, and what was refused, page by page."""
