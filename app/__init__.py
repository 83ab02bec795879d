"""A usage-reporting gateway: records what was used in a ledger and answers questions about it."""
