"""What the ledger means: every test on every engine."""
