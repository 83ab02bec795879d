"""What can be asked: each report defined once, as named sections of typed rows, and served alike by every door."""
