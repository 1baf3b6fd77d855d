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
from ..._kernel import questions, reader
from ..._model.connection import Connection
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import (
    administrator_files,
    display,
    edits,
    former as formers,
    kernel,
    lock,
    managed_section,
    ruleset as rulesets,
    service,
    stock,
    transactions,
)
from .edits import Texts
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
    def is_running() -> bool:
        return kernel.read('ipv4').has_ufw('ipv4')

    @staticmethod
    def has_rules() -> bool:
        paths = administrator_files.BEFORE.values()
        return any(managed_section.BEGIN in (files.read(path) or '') for path in paths)

    def lock(self) -> t.ContextManager[None]:
        return lock.hold()

    def observe(self) -> State:
        observed = service.observe()
        texts = service.read_files()
        live = {family: kernel.read(family) for family in service.families(observed.settings)}
        return State(observed, texts, live, _remembered(texts), reader.read())

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        ruleset = rulesets.build(policy, guard)
        edited = edits.edit(stock.texts(), Former(), ruleset, dict.fromkeys(PREFIXES, True))
        untouched = [path for path in administrator_files.AFTER.values() if edited.texts[path] == stock.texts()[path]]
        return {path: text for path, text in edited.texts.items() if path not in untouched}

    def external_change(self, snapshot: PlainData, desired: PlainData) -> t.Optional[str]:
        changed = [path for path, text in snapshot['texts'].items() if files.read(path) != text]
        if changed:
            return f'another program changed {", ".join(changed)} while the change was pending'
        expected = kernel.from_data(desired['expected'])
        families = transactions.differing_families(expected, desired['ufw_chains'], desired['known'])
        if families:
            return f'another program changed the rules of ufw in the kernel while the change was pending ({families})'
        return None

    def allowed_before(self, snapshot: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        return questions.not_denied(reader.read(), connections)

    def allowed_now(self, desired: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        return questions.not_denied(reader.read(), connections)

    def persist(self, desired: PlainData, *, boot: bool = False) -> None:
        former = Former.from_data(desired['former'])
        if former != Former():
            formers.save(former)
        files.write_all(desired['files'])
        service.execute(desired['steps'])
        if boot and 'enable' in desired['steps']:
            systemd.start_during_boot(service.UNIT)
        formers.save(former)  # an empty one is saved last: until here it is needed

    def restore(self, snapshot: PlainData, desired: PlainData, *, boot: bool = False) -> None:
        """What another program changed in the files since is kept, and the kernel then follows the files."""
        systemd.restore_enablement(service.UNIT, snapshot['enabled'])
        for path, text in desired['files'].items():
            if files.read(path) == text:
                files.write_all({path: snapshot['texts'][path]})
        formers.save(Former.from_data(snapshot['former']))
        if boot:
            return  # ufw will read the files
        for family, table in self._former_tables(snapshot).items():
            ufw_chains, known = desired['ufw_chains'][family], desired['known'][family]
            wanted = transactions.owned(table, ufw_chains, known)
            text = transactions.transaction(kernel.read(family), wanted, ufw_chains, known)
            if text:
                kernel.load(family, text)

    def _former_tables(self, snapshot: PlainData) -> Tables:
        """What the kernel has to contain again; nothing if another program has disabled ufw since."""
        tables = kernel.from_data(snapshot['live'])
        if all(files.read(path) == text for path, text in snapshot['texts'].items()):
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

    def wait_until_stable(self, runs: t.Iterable[int]) -> bool:
        pids = list(runs)
        lock.wait_for(pids)
        return not pids


def _remembered(texts: Texts) -> Former:
    """What was there before portmatrix. Once nothing in TEXTS is managed any more (ufw reset), that is past."""
    rules, sections = display.managed(PREFIXES, texts)
    return formers.load() if rules or any(sections) else Former()
