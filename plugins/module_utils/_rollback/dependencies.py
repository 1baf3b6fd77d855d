# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change depends on beyond its back end; tests put others in their place."""

from __future__ import annotations

import time
import typing as t

from .._backends import registry
from .._backends.base import Backend
from .._base import locks
from .._host import management
from .._model.connection import Connection
from .outcomes import Outcome
from .store import PendingChange, Store
from .timer import RollbackTimer


class PendingStore(t.Protocol):
    """See Store, which keeps a pending change on disk."""

    def is_pending(self) -> bool: ...
    def prepare(self, change: PendingChange) -> None: ...
    def commit(self, token: str) -> None: ...
    def remove(self) -> None: ...
    def read(self) -> t.Optional[PendingChange]: ...
    def decision(self) -> str: ...
    def decide(self, decision: str) -> bool: ...
    def revoke(self) -> None: ...
    def mark_applied(self) -> None: ...
    def write_outcome(self, outcome: Outcome) -> None: ...
    def outcome(self, token: str) -> t.Optional[Outcome]: ...
    def wait_until_decided(self) -> None: ...
    def reference(self, token: str) -> t.Dict[str, str]: ...


class Timer(t.Protocol):
    """See RollbackTimer, which is owned by the operating system."""

    def rehearse(self, token: str) -> None: ...
    def arm(self, seconds: int, token: str) -> None: ...
    def disarm(self) -> None: ...


class Management(t.Protocol):
    """See the module _host.management."""

    def current_connection(self) -> t.Optional[Connection]: ...
    def is_carried(self) -> bool: ...
    def ports(self, connection: t.Optional[Connection]) -> t.List[int]: ...


class Dependencies(t.NamedTuple):
    """`lock` keeps other runs of portmatrix away, for a patience in seconds; it raises Busy."""

    store: PendingStore
    timer: Timer
    lock: t.Callable[[float], t.ContextManager[None]]
    create_backend: t.Callable[[str], Backend]
    management: Management
    pause: t.Callable[[float], None] = time.sleep


def real() -> Dependencies:
    """Those of a real host."""
    store = Store()
    return Dependencies(store, RollbackTimer(store), locks.hold, registry.create, management)
