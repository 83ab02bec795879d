"""Legacy contracts, kept to the letter: one module each, strangers to one another, and a vendor's words stay inside."""
