"""What the gateway is held to: units, the ledger's meaning on every engine, and random worlds against the referee."""
