"""Who may come in: keys, their tokens, and where a token is accepted from."""
