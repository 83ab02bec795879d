"""Checkpoints on a schedule: each ledger that has grown is signed and kept, and the checkpoint is sent elsewhere.

Only what is kept where the gateway cannot reach it shows somebody who rewrites a ledger with every digest in it; so where
checkpoints are sent is the operator's to say. What cannot be delivered is tried again, and a newer checkpoint stands for older
ones, since it covers them. A receiver may see one twice: of several processes, and after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app.domain.account import Account
from app.domain.errors import GatewayError
from app.evidence import checkpoints
from app.evidence.checkpoints import Document
from app.evidence.keys import Signer
from app.ports import Store

Witness = Callable[[Document], Awaitable[None]]
"""Brings a checkpoint elsewhere. Raises Unavailable."""
SOON = 10.0
"""Seconds until the first round, and until what was not delivered is tried again."""

_log = structlog.stdlib.get_logger("gateway.checkpoints")


class Schedule:
    """One for each process. `elsewhere` says where checkpoints are sent, by a name for the log."""

    def __init__(self, store: Store, signer: Signer, seconds: float, elsewhere: Mapping[str, Witness]) -> None:
        self._store = store
        self._signer = signer
        self._seconds = seconds
        self._elsewhere = elsewhere
        self._sent: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        """Go round until cancelled."""
        delay = min(SOON, self._seconds)
        while True:
            await asyncio.sleep(delay)
            delivered = False
            try:
                delivered = await self.round()
            except Exception:  # a store that is away for a while must not end the signing of checkpoints
                _log.exception("checkpoints were not made")
            delay = self._seconds if delivered else min(SOON, self._seconds)

    async def round(self) -> bool:
        """Sign and keep what has grown, and send what was not sent yet. Tells whether everything was delivered."""
        delivered = True
        for account in await self._store.accounts():
            if (await self._store.head(account.id)).sequence == 0:
                continue
            document = await checkpoints.keep(self._store, self._signer, account)
            delivered = await self._send(account, document) and delivered
        return delivered

    async def _send(self, account: Account, document: Document) -> bool:
        sequence, delivered = int(document["statement"]["sequence"]), True
        for name, send in self._elsewhere.items():
            if self._sent.get((name, account.id), 0) >= sequence:
                continue
            try:
                await send(document)
            except GatewayError as error:
                delivered = False
                _log.warning(
                    "checkpoint was not delivered",
                    account=account.name,
                    sequence=sequence,
                    to=name,
                    reason=error.message,
                    detail=error.detail,
                )
            else:
                self._sent[name, account.id] = sequence
        return delivered
