# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned change of ufw: what it contains, and how it is applied to the kernel."""

from __future__ import annotations

import typing as t

from ..._base.errors import BackendError
from ..._host import management
from ..._model import traffic
from ..._model.connection import Connection
from ..._model.openings import Opening
from ..base import PlainData
from . import kernel, startup, verdict
from .edits import Edited
from .kernel import Tables

if t.TYPE_CHECKING:
    from .planning import State

UfwChains = t.Dict[str, t.Set[str]]  # family -> the chains that are ufw's


class Changes(t.NamedTuple):
    """What has to change from `state`: `files` (path -> new text), systemd `steps`, a transaction for each family;
    `expected` is what the kernel then contains in the chains of ufw (`ufw_chains`)."""

    state: State
    files: t.Dict[str, str]
    steps: t.Tuple[str, ...]
    transactions: t.Dict[str, str]
    expected: Tables
    ufw_chains: UfwChains
    edited: Edited
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]
    closing: t.Tuple[Opening, ...]
    staying: t.Tuple[Opening, ...]

    @property
    def has_changes(self) -> bool:
        return bool(self.files or self.steps or self.transactions)

    @property
    def transition(self) -> str:
        return 'hitless' if self.transactions else 'none'

    @property
    def is_starting(self) -> bool:
        return is_starting(self.state, self.edited)

    def would_allow(self, connection: Connection) -> bool:
        """Unmanaged rules and the replies included."""
        table = self.expected.get(traffic.family(connection.peer))
        if table is None:
            # ufw denies a family that it does not manage as a whole
            return not self.edited.settings.enabled
        interface = management.interface(connection.local)
        return all(check(table, connection, interface) for check in (verdict.accepts, verdict.accepts_replies))

    def snapshot(self) -> PlainData:
        return {
            'texts': self.state.texts,
            'live': kernel.to_data(self.state.live),
            'former': self.state.former._asdict(),
            'enabled': self.state.service.enablement,
        }

    def desired(self) -> PlainData:
        return {
            'files': self.files,
            'expected': kernel.to_data(self.expected),
            'ufw_chains': {family: sorted(names) for family, names in self.ufw_chains.items()},
            'former': self.edited.former._asdict(),
            'steps': list(self.steps),
        }

    def apply(self, snapshot: PlainData) -> str:
        if self.is_starting:
            startup.prepare(self.edited.texts, self.edited.settings)
        for family, transaction in self.transactions.items():
            kernel.load(family, transaction)
        if self.is_starting:
            startup.finish(self.edited.settings)
        families = kernel.differing_families(self.expected, self.ufw_chains)
        if families:
            raise BackendError(f'the rules in the kernel differ from the policy ({families})')
        return self.transition


def is_starting(state: State, edited: Edited) -> bool:
    return edited.settings.enabled and not state.live['ipv4'].has_ufw('ipv4')
