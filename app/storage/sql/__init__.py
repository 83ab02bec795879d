"""What the SQL engines share: the tables, the statements that questions become, and the mapping of rows to what they hold."""
