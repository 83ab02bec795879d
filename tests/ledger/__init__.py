"""How payloads and files become events: formats, intake, import."""
