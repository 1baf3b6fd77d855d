"""A host in memory: a firewall, a pending change and a timer. Every step can fail, or be the last of its process."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.base import PlainData
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.policy import Policy, Rule
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback import program
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.dependencies import Dependencies
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.outcomes import Outcome
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.store import (
    MARK_ARMED,
    PendingChange,
)

Rules = t.FrozenSet[str]
ERROR, DEATH = 'error', 'death'


class Killed(BaseException):
    """The process was killed: nothing that it would do afterwards happens."""


class Host:
    """`running` are the rules in force, `files` those that are loaded at boot: one file a rule."""

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
        # before every step: while the rules in force are not those of the next boot, a timer must be able to decide
        self.violations: list[str] = []
        self.is_booting = False
        self.is_read_only = False  # files cannot be written

    def step(self, name: str) -> None:
        """Every effect of the code under test comes through here, just before it happens."""
        if self.is_dead:
            raise Killed
        self.steps.append(name)
        if not self.can_return():
            self.violations.append(f'before {name}, step {len(self.steps)}')
        if self.fault and len(self.steps) == self.fault[0]:
            if self.fault[1] == DEATH:
                self.is_dead = True
                raise Killed
            raise BackendError(f'{name} failed')

    def can_return(self) -> bool:
        """Whether nothing depends on a process that may be killed."""
        is_armed = self.change is not None and self.armed_token == self.change.token
        return is_armed or self.running == self.files or self.is_booting

    def new_process(self, fault: tuple[int, str] | None = None) -> Dependencies:
        """What a new process depends on; FAULT: at which of its steps what happens."""
        self.steps, self.fault, self.is_dead = [], fault, False
        store, timer = FakeStore(self), FakeTimer(self)
        return Dependencies(store, timer, self._lock, lambda name: FakeBackend(self), FakeManagement(self), self._pause)

    def fire_timer(self, fault: tuple[int, str] | None = None) -> Outcome:
        """The time of the pending change is over. The timer stays until the program has ended without an error."""
        outcome = program.execute(['rollback', self.armed_token or ''], self.new_process(fault))
        self.armed_token = None if outcome['outcome'] != ERROR else self.armed_token
        return outcome

    def confirm(self, token: str, fault: tuple[int, str] | None = None) -> Outcome:
        """The controller confirms over a new connection."""
        self.connection = self.connection._replace(other_port=self.connection.other_port + 1)
        return program.execute(['confirm', token], self.new_process(fault))

    def reboot(self) -> Outcome:
        """firewalld and ufw load their files at boot; before that, the pending change is rolled back."""
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


class FakeManagement:
    def __init__(self, host: Host) -> None:
        self._host = host

    def current_connection(self) -> Connection | None:
        return self._host.connection

    def ports(self, connection: Connection | None) -> list[int]:
        return [22]


class FakeStore:
    """Like the real one, a pending change is there wholly or not at all, and a decision is made once."""

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

    def was_applied(self) -> bool:
        return self._host.applied

    def write_outcome(self, outcome: Outcome) -> None:
        self._host.step('write outcome')
        self._host.outcomes[outcome['token']] = outcome

    def outcome(self, token: str) -> Outcome | None:
        return self._host.outcomes.get(token)

    def wait_until_decided(self) -> None:
        assert self._host.change is None, 'a second run would wait for ever'

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


class FakeState(t.NamedTuple):
    host: Host
    running: Rules
    files: Rules

    def plan(self, policy: Policy | None, guard: t.Iterable[Rule]) -> FakeChanges:
        rules = (*guard, *policy.rules) if policy else ()
        return FakeChanges(self, frozenset(flow for rule in rules for flow in rule.flows))

    def gather(self) -> PlainData:
        return {'rules': sorted(self.running)}


class FakeChanges(t.NamedTuple):
    state: FakeState
    wanted: Rules

    @property
    def has_changes(self) -> bool:
        return self.wanted != self.state.running or self.wanted != self.state.files

    @property
    def transition(self) -> str:
        return 'none' if self.wanted == self.state.running else 'hitless'

    @property
    def diff(self) -> dict[str, str]:
        return {'before': '\n'.join(sorted(self.state.running)), 'after': '\n'.join(sorted(self.wanted))}

    @property
    def counts(self) -> dict[str, int]:
        old, new = self.state.running, self.wanted
        return {'added': len(new - old), 'removed': len(old - new), 'kept': len(old & new)}

    @property
    def warnings(self) -> tuple[str, ...]:
        return ()

    def would_allow(self, connection: Connection) -> bool:
        return not self.wanted or 'management' in self.wanted

    def snapshot(self) -> PlainData:
        return {'running': sorted(self.state.running), 'files': sorted(self.state.files)}

    def desired(self) -> PlainData:
        return {'rules': sorted(self.wanted)}

    def apply(self, snapshot: PlainData) -> str:
        _load(self.state.host, self.wanted)
        return self.transition


class FakeBackend:
    """A firewall that changes one rule, and writes one file, at a time."""

    name: t.ClassVar[str] = 'fake'
    stop_command: t.ClassVar[str] = 'true'
    lockout_advice: t.ClassVar[str] = ''
    default_openings: t.ClassVar[str] = ''

    def __init__(self, host: Host | None = None) -> None:
        self.host = host or Host()

    @staticmethod
    def is_installed() -> bool:
        return True

    @staticmethod
    def is_active() -> bool:
        return True

    @staticmethod
    def has_rules() -> bool:
        return True

    @contextlib.contextmanager
    def lock(self) -> t.Iterator[None]:
        self.host.step('lock the firewall')
        yield

    def observe(self) -> FakeState:
        self.host.step('observe')
        return FakeState(self.host, self.host.running, self.host.files)

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> dict[str, str]:
        return {}

    def external_change(self, snapshot: PlainData, desired: PlainData) -> str | None:
        return None if self.host.running == frozenset(desired['rules']) else 'another program changed the rules'

    def allows(self, desired: PlainData, connection: Connection) -> bool:
        return 'management' in desired['rules']

    def persist(self, desired: PlainData, *, boot: bool = False) -> None:
        _write(self.host, frozenset(desired['rules']))

    def restore(
        self, snapshot: PlainData, desired: PlainData, *, boot: bool = False, was_applied: bool = False
    ) -> None:
        _write(self.host, frozenset(snapshot['files']))
        if not boot:
            _load(self.host, frozenset(snapshot['running']))

    def concurrent_runs(self) -> list[int]:
        return []

    def wait_until_stable(self, runs: t.Iterable[int]) -> bool:
        return True


def _load(host: Host, wanted: Rules) -> None:
    for rule in sorted(wanted ^ host.running):
        host.step(f'load {rule}')
        host.running = host.running ^ {rule}


def _write(host: Host, wanted: Rules) -> None:
    for rule in sorted(wanted ^ host.files):
        host.step(f'write {rule}')
        if host.is_read_only:
            raise OSError('read-only file system')
        host.files = host.files ^ {rule}
