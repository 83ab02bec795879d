"""What can be proven, and what is refused."""
