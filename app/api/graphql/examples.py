"""Operations for people who explore: one for each read and write, which run as they stand against the demonstration account."""

from __future__ import annotations

from app.api.graphql.ide import Tab

TABS: tuple[Tab, ...] = ()
