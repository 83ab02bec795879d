"""The legacy contracts, asked as their callers ask them."""
