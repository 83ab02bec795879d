"""Proofs: each runs the product as a user would, in processes of its own, and says what it saw."""
