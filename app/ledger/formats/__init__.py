"""Formats: documents that say where in a sender's payload each field of an event stands, and how it is written there."""

from app.ledger.formats.apply import event_fields, located
from app.ledger.formats.definition import Format, load
from app.ledger.formats.shipped import DEFAULT, NAMES, named

__all__ = ["DEFAULT", "NAMES", "Format", "event_fields", "load", "located", "named"]
