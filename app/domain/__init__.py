"""What the gateway knows of usage itself: entries, records, periods, exact decimals, their one canonical encoding, and errors."""
