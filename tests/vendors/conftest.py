"""One running gateway for all tests of the legacy contracts, with a ledger in it that no test adds to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from app.domain.account import Account, Permission
from app.ledger.commands import Rules, record
from tests.events import START, usage
from tests.vendors.served import Served, serving
from tests.vendors.world import fill


@dataclass
class Gateway:
    """The gateway, its account `acme` with the ledger of `tests.vendors.world`, and tokens of that account by what they may do.

    `stranger` is a token of another account that may do everything there, where the same ids are used.
    """

    served: Served
    account: Account
    reader: str
    exporter: str
    recorder: str
    admin: str
    stranger: str


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Made once for a run; its clock is the tests' own."""
    with serving(tmp_path_factory.mktemp("gateway"), rules=Rules(clock=lambda: START)) as served:
        store = served.services.store
        account, other = served.account("acme"), served.account("globex")
        served.run(fill(store, served.principal(account)))
        served.run(record(store, served.principal(other), [usage(license_id="l1")], rules=served.services.rules))
        yield Gateway(
            served,
            account,
            reader=served.token(account, Permission.REPORT_READ),
            exporter=served.token(account, Permission.REPORT_EXPORT),
            recorder=served.token(account, Permission.USAGE_WRITE),
            admin=served.token(account, Permission.ADMIN),
            stranger=served.token(other, Permission.ADMIN),
        )


@pytest.fixture
def reader(gateway: Gateway) -> Iterator[httpx2.Client]:
    """A client of `acme` that may read reports and do nothing else."""
    with gateway.served.client(gateway.reader) as client:
        yield client


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[httpx2.Client]:
    """A client of another account that may do everything there."""
    with gateway.served.client(gateway.stranger) as client:
        yield client
