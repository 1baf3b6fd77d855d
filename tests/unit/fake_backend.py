"""The firewall of a host in memory."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.base import PlainData
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.openings import Opening
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Peers
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.policy import Policy, Rule

if t.TYPE_CHECKING:
    from fake_host import Host

Rules = t.FrozenSet[str]


class FakeState(t.NamedTuple):
    host: Host
    running: Rules
    files: Rules

    def plan(self, policy: Policy | None, guard: t.Iterable[Rule]) -> FakeChanges:
        rules = (*guard, *policy.rules) if policy else ()
        return FakeChanges(self, frozenset(flow for rule in rules for flow in rule.flows))

    def admitted_sources(self, port: int) -> Peers | None:
        return ANY

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

    @property
    def closing(self) -> tuple[Opening, ...]:
        return ()

    @property
    def staying(self) -> tuple[Opening, ...]:
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
    """A firewall that changes one rule and writes one file at a time."""

    name: t.ClassVar[str] = 'fake'
    stop_command: t.ClassVar[str] = 'true'
    lockout_advice: t.ClassVar[str] = ''
    default_openings: t.ClassVar[str] = ''

    def __init__(self, host: Host) -> None:
        self.host = host

    @staticmethod
    def is_installed() -> bool:
        return True

    @staticmethod
    def is_running() -> bool:
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

    def allowed_before(self, snapshot: PlainData, connections: t.Sequence[Connection]) -> list[Connection]:
        return list(connections) if 'management' in snapshot['running'] else []

    def allowed_now(self, desired: PlainData, connections: t.Sequence[Connection]) -> list[Connection]:
        return list(connections) if 'management' in desired['rules'] else []

    def persist(self, desired: PlainData, *, boot: bool = False) -> None:
        _write(self.host, frozenset(desired['rules']))

    def restore(self, snapshot: PlainData, desired: PlainData, *, boot: bool = False) -> None:
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
