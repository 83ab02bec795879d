"""What every door is given: made once by the composition root, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from starlette.types import Scope

from app.access.budget import POINTS, Budget
from app.access.doorkeeper import Doorkeeper
from app.access.links import Links
from app.access.sessions import Sessions
from app.access.terms import Terms
from app.evidence.keys import Signer
from app.ledger.commands import Rules
from app.ports import Files, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that a door needs. Doors reach it through the application that they stand in, see `services_of`."""

    store: Store
    files: Files
    """Where exports keep their files."""
    doorkeeper: Doorkeeper
    links: Links
    """Signs links that need no token, and checks them."""
    sessions: Sessions
    """Opens, admits and ends the sessions of legacy callers."""
    signer: Signer
    """Signs checkpoints and manifests."""
    rules: Rules
    public_url: str
    """The URL that callers see, without a slash at its end."""
    version: str
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For is believed."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call from a browser; `*` for any."""
    terms: Terms = field(default_factory=Terms)
    """What is allowed of GraphQL."""
    points: Budget = field(default_factory=lambda: Budget("points", POINTS))
    """What a key may spend on GraphQL."""
    calls: Budget = field(default_factory=lambda: Budget("calls", 0))
    """How often a key may call REST."""
    demo_token: str | None = None
    """A token that the GraphiQL page sends from the start; only ever that of a demonstration account."""
    notify_exports: Callable[[], None] = lambda: None
    """Tells the worker that an export was frozen which is not yet made. Without a worker, it stays pending."""


def services_of(scope: Scope) -> Services:
    """The services of the application that is handling this call."""
    return cast(Services, scope["app"].state.services)
