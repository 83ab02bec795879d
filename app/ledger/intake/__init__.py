"""From bytes as they arrive to items, one by one and in constant memory: JSON, JSON Lines, CSV or log lines, plain or gzip."""

from app.ledger.intake.inflation import Inflater
from app.ledger.intake.item import LARGEST_ITEM, Item, Kind, Reader
from app.ledger.intake.kinds import kind_of, reader_for

__all__ = ["LARGEST_ITEM", "Inflater", "Item", "Kind", "Reader", "kind_of", "reader_for"]
