# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back end ufw: ufw's own files, byte for byte as it writes them, and one iptables transaction for each family.

The command ufw itself is never run.
"""

from __future__ import annotations

import typing as t

from ..._base import files, systemd
from ..._base.errors import BackendError
from ..._host import management
from ..._model import traffic
from ..._model.connection import Connection
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import before_rules, edits, former as formers, kernel, lock, ruleset as rulesets, service, stock, verdict
from .former import Former
from .kernel import Tables
from .planning import State
from .user_rules import PREFIXES


class Ufw:
    """Manages the rules of ufw that carry the mark, a section of before.rules and ufw's default policies."""

    name: t.ClassVar[str] = service.UNIT
    stop_command: t.ClassVar[str] = 'ufw disable'
    lockout_advice: t.ClassVar[str] = ', and check that no rule of ufw denies it (ufw status)'
    default_openings: t.ClassVar[str] = (
        '/etc/ufw/before.rules: ufw allows mDNS (UDP 5353), SSDP (UDP 1900) and DHCP (UDP 67 to 68) from anywhere'
    )

    @staticmethod
    def is_installed() -> bool:
        return service.is_installed()

    @staticmethod
    def is_active() -> bool:
        return service.is_active()

    @staticmethod
    def has_rules() -> bool:
        paths = before_rules.BEFORE.values()
        return formers.exists() or any(before_rules.BEGIN in (files.read(path) or '') for path in paths)

    def lock(self) -> t.ContextManager[None]:
        return lock.hold()

    def observe(self) -> State:
        observed = service.observe()
        texts = service.read_files()
        live = {family: kernel.read(family) for family in service.families(observed.settings)}
        return State(observed, texts, live, formers.load())

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        ruleset = rulesets.build(policy, guard)
        edited = edits.edit(stock.texts(), Former(), ruleset, dict.fromkeys(PREFIXES, True))
        return {path: text for path, text in edited.texts.items() if path not in before_rules.AFTER.values()}

    def deviation(self, before: PlainData, after: PlainData) -> t.Optional[str]:
        changed = [path for path, text in before['texts'].items() if files.read(path) != text]
        if changed:
            return f'another program changed {", ".join(changed)} while the change was pending'
        families = kernel.differing_families(kernel.from_data(after['expected']), after['owned'])
        if families:
            return f'another program changed the rules of ufw in the kernel while the change was pending ({families})'
        return None

    def allows(self, after: PlainData, connection: Connection) -> bool:
        family = traffic.family(connection.peer)
        interface = management.interface(connection.local)
        return family in after['expected'] and verdict.accepts(kernel.read(family), connection, interface)

    def persist(self, after: PlainData, *, boot: bool = False) -> None:
        former = Former.from_data(after['former'])
        if former != Former():
            formers.save(former)
        files.write_all(after['files'])
        service.execute(after['steps'])
        if boot and 'enable' in after['steps']:
            systemd.start_during_boot(service.UNIT)
        formers.save(former)  # an empty one is saved last: until here it is needed

    def restore(self, before: PlainData, after: PlainData, *, boot: bool = False, was_applied: bool = False) -> None:
        """What another program changed in the files since is kept, and the kernel then follows the files."""
        systemd.restore_enablement(service.UNIT, before['enabled'])
        for path, text in after['files'].items():
            if files.read(path) == text:
                files.write_all({path: before['texts'][path]})
        formers.save(Former.from_data(before['former']))
        if boot:
            return  # ufw will read the files
        for family, table in self._former_tables(before).items():
            transaction = kernel.transaction(kernel.read(family), table, after['owned'][family])
            if transaction:
                kernel.load(family, transaction)

    def _former_tables(self, before: PlainData) -> Tables:
        """What the kernel has to contain again; nothing if another program has disabled ufw since."""
        tables = kernel.from_data(before['live'])
        if all(files.read(path) == text for path, text in before['texts'].items()):
            return tables
        state = self.observe()
        if state.service.settings.enabled:
            try:
                return state.expected(state.texts)
            except BackendError:  # files that do not load
                return tables
        return {} if tables['ipv4'].has_ufw('ipv4') else tables

    def concurrent_runs(self) -> t.List[int]:
        return lock.concurrent_runs()

    def is_stable(self, runs: t.Iterable[int]) -> bool:
        pids = list(runs)
        lock.wait_for(pids)
        return not pids
