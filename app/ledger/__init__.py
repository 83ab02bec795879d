"""What can be recorded, and how: commands, formats that map payloads to events, and the chain that closes over every entry."""
