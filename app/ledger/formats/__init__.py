"""Formats: documents that say where in a sender's payload each field of an event stands, and how it is written there."""

from app.ledger.formats.apply import event_fields, located
from app.ledger.formats.definition import Format, is_name, load
from app.ledger.formats.shipped import DEFAULT, NAMES, document_of, named, sample_of

__all__ = ["DEFAULT", "NAMES", "Format", "document_of", "event_fields", "is_name", "load", "located", "named", "sample_of"]
