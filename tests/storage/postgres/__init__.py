"""What is particular to PostgreSQL: partitions, locks, plans, connections that break."""
