"""Verifying a ledger from within: every digest derived again, and compared with the checkpoints that were signed of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from app.domain.account import Account, genesis
from app.domain.attestation import AttestationKind
from app.domain.entry import Entry
from app.domain.errors import Corrupt
from app.evidence.checkpoints import document_of
from app.evidence.keys import Signer
from app.evidence.trees import hash_of
from app.evidence.verifier import CHECKPOINT, NotProven, document, signed
from app.exports.digest import stated
from app.ledger.chain import Verified, verify
from app.ports import Ledger, Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.tree import root_of

_PAGE = 1_000


async def kept_roots(store: Store, signer: Signer, account: Account) -> dict[int, bytes]:
    """The roots of the checkpoints that are kept beside the ledger, by sequence. Raises NotProven where one is forged."""
    keys = {each.id: each.public_key for each in await signer.published()}
    roots: dict[int, bytes] = {}
    above: int | None = None
    while True:
        page = await store.attestations(account.id, AttestationKind.CHECKPOINT, limit=_PAGE, above=above, descending=False)
        for each in page:
            statement = signed(document_of(each), keys, CHECKPOINT)
            roots[int(statement["sequence"])] = hash_of(statement["root"])
            above = each.sequence
        if len(page) < _PAGE:
            return roots


def roots_in(text: str, keys: Mapping[str, bytes], account: Account) -> dict[int, bytes]:
    """The roots by sequence in a text of checkpoints: one document, or one a line. Raises NotProven for what is not signed so."""
    roots: dict[int, bytes] = {}
    lines = [each for each in text.splitlines() if each.strip()]
    try:
        documents = [document(each) for each in lines]
    except NotProven:
        documents = [document(text)]
    for each in documents:
        statement = signed(each, keys, CHECKPOINT)
        if statement["ledger"] != stated(genesis(account.name)):
            raise NotProven(f"it is one of the ledger of {statement['account']}, not of {account.name}")
        roots[int(statement["sequence"])] = hash_of(statement["root"])
    if not roots:
        raise NotProven("there is none in the file")
    return roots


async def verify_ledger(
    store: Ledger, account: Account, roots: Mapping[int, bytes], told: Callable[[int], None] = lambda _done: None
) -> Verified:
    """Walk the whole ledger, and compare it with roots of checkpoints by sequence. `told` hears how many entries are done.

    Raises Corrupt naming the first sequence that does not hold; where all digests were made anew, so that only a checkpoint shows
    it, the first one that may be wrong, with the range in which the first wrong one lies.
    """
    head = await store.head(account.id)
    question = Rows(Scope(account.id, head.sequence), descending=False)

    async def batches() -> AsyncIterator[Sequence[Entry]]:
        async for batch in store.stream(question):
            yield batch
            told(len(batch))

    found = await verify(batches(), genesis(account.name), head, roots)
    beyond = await store.nodes(account.id, (0, head.sequence, head.sequence + _PAGE))
    end = (await store.head(account.id)).sequence  # read last: what was appended meanwhile is no fault
    if len(beyond) > end - head.sequence:
        raise Corrupt(end + 1, f"stands beyond the end of the ledger at {end}")
    root = await root_of(store, account.id, head.sequence)
    if root != found.root:
        raise Corrupt(head.sequence, f"the kept nodes of the tree give the root {stated(root)}, the entries {stated(found.root)}")
    return found
