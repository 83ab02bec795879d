"""What is particular to one engine, beside what `spec` asks of all of them."""
