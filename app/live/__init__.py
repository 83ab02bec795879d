"""Following what happens as it happens: many followers in a process, one reader for each thing that is followed."""

from __future__ import annotations

from app.live.progress import Progress
from app.live.tail import Tails
from app.ports import Store


class Live:
    """All that is followed in one process."""

    def __init__(self, store: Store) -> None:
        self.tails = Tails(store)
        self.progress = Progress(store)
