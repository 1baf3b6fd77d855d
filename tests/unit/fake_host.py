"""A host in memory: a firewall, a pending change and a timer. Every step can fail or be the last one of its process."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback import program
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.dependencies import Dependencies
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.outcomes import Outcome
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.store import PendingChange
from fake_backend import FakeBackend
from fake_rollback import FakeManagement, FakeStore, FakeTimer

Rules = t.FrozenSet[str]
ERROR, DEATH = 'error', 'death'


class Killed(BaseException):
    """The process was killed: it has no effect any more."""


class Host:
    """`running`: the rules in force. `files`: those that are loaded at boot, one file for each rule."""

    def __init__(self, rules: Rules = frozenset()) -> None:
        self.running, self.files = rules, rules
        self.change: PendingChange | None = None
        self.prepared: PendingChange | None = None
        self.mark, self.applied, self.outcomes = '', False, {}
        self.armed_token: str | None = None
        self.connection = Connection('ingress', '192.0.2.1', 22, '198.51.100.1', 50000)
        self.steps: list[str] = []
        self.fault: tuple[int, str] | None = None
        self.is_dead = False
        # steps before which the rules in force were not those of the next boot, and no timer could roll back
        self.violations: list[str] = []
        self.is_booting = False
        self.is_read_only = False  # files cannot be written

    def step(self, name: str) -> None:
        """Called before every effect of the code under test."""
        if self.is_dead:
            raise Killed
        self.steps.append(name)
        if not self.can_roll_back():
            self.violations.append(f'before {name}, step {len(self.steps)}')
        if self.fault and len(self.steps) == self.fault[0]:
            if self.fault[1] == DEATH:
                self.is_dead = True
                raise Killed
            raise BackendError(f'{name} failed')

    def can_roll_back(self) -> bool:
        """Whether the host ends with consistent rules even if the process dies now."""
        is_armed = self.change is not None and self.armed_token == self.change.token
        return is_armed or self.running == self.files or self.is_booting

    def new_process(self, fault: tuple[int, str] | None = None) -> Dependencies:
        """The dependencies of a new process. FAULT: the number of a step, and ERROR or DEATH, which happens there."""
        self.steps, self.fault, self.is_dead = [], fault, False
        store, timer = FakeStore(self), FakeTimer(self)
        return Dependencies(store, timer, self._lock, lambda name: FakeBackend(self), FakeManagement(self), self._pause)

    def fire_timer(self, fault: tuple[int, str] | None = None) -> Outcome:
        """The window of the pending change is over. The timer remains until the program has ended without an error."""
        outcome = program.execute(['rollback', self.armed_token or ''], self.new_process(fault))
        self.armed_token = None if outcome['outcome'] != ERROR else self.armed_token
        return outcome

    def confirm(self, token: str, fault: tuple[int, str] | None = None) -> Outcome:
        """The controller confirms over a new connection."""
        self.connection = self.connection._replace(other_port=self.connection.other_port + 1)
        return program.execute(['confirm', token], self.new_process(fault))

    def reboot(self) -> Outcome:
        """At boot, the pending change is rolled back before firewalld and ufw load their files."""
        self.is_booting, self.armed_token = True, None
        try:
            return program.execute(['boot'], self.new_process())
        finally:
            self.running, self.is_booting = self.files, False

    @contextlib.contextmanager
    def _lock(self, _seconds: float) -> t.Iterator[None]:
        self.step('lock')
        yield

    def _pause(self, _seconds: float) -> None:
        if self.is_dead:
            raise Killed
