"""The pending change, the timer and the management connection of a host in memory."""

from __future__ import annotations

import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.outcomes import Outcome
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.store import MARK_ARMED, PendingChange

if t.TYPE_CHECKING:
    from fake_host import Host


class FakeManagement:
    def __init__(self, host: Host) -> None:
        self._host = host

    def current_connection(self) -> Connection | None:
        return self._host.connection

    def is_carried(self) -> bool:
        return self._host.connection is None

    def ports(self, connection: Connection | None) -> list[int]:
        return [22]


class FakeStore:
    """As in the real one, a pending change exists wholly or not at all, and is decided once."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def is_pending(self) -> bool:
        return self._host.change is not None

    def prepare(self, change: PendingChange) -> None:
        self._host.step('prepare')
        self._host.prepared = change

    def commit(self, token: str) -> None:
        self._host.step('commit')
        self._host.change, self._host.mark, self._host.applied = self._host.prepared, MARK_ARMED, False
        self._host.prepared = None

    def remove(self) -> None:
        self._host.step('remove')
        self._host.prepared = self._host.change = None
        self._host.mark = ''

    def read(self) -> PendingChange | None:
        return self._host.change

    def decision(self) -> str:
        return self._host.mark

    def decide(self, decision: str) -> bool:
        self._host.step('decide')
        if self._host.mark == MARK_ARMED:
            self._host.mark = decision
        return self._host.mark == decision

    def revoke(self) -> None:
        self._host.step('revoke')
        self._host.mark = MARK_ARMED

    def mark_applied(self) -> None:
        self._host.step('mark applied')
        self._host.applied = True

    def write_outcome(self, outcome: Outcome) -> None:
        self._host.step('write outcome')
        self._host.outcomes[outcome['token']] = outcome

    def outcome(self, token: str) -> Outcome | None:
        return self._host.outcomes.get(token)

    def wait_until_decided(self) -> None:
        assert self._host.change is None, 'a second run would wait forever'

    def reference(self, token: str) -> dict[str, str]:
        return {'token': token}


class FakeTimer:
    def __init__(self, host: Host) -> None:
        self._host = host

    def rehearse(self, token: str) -> None:
        self._host.step('rehearse')

    def arm(self, seconds: int, token: str) -> None:
        self._host.step('arm')
        self._host.armed_token = token

    def disarm(self) -> None:
        self._host.step('disarm')
        self._host.armed_token = None
