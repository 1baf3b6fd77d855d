# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned change of ufw: what it contains, and how it is applied to the kernel."""

from __future__ import annotations

import typing as t

from ..._base.errors import BackendError
from ..._kernel import outcome, questions
from ..._kernel.reader import Kernel as WholeKernel
from ..._model import traffic
from ..._model.connection import Connection
from ..._model.openings import Opening
from ..base import PlainData
from . import kernel, startup, transactions
from .edits import Edited
from .kernel import Table, Tables

if t.TYPE_CHECKING:
    from .planning import State

UfwChains = t.Dict[str, t.Set[str]]  # family -> the chains that are ufw's


class Target(t.NamedTuple):
    """What the filter table of one family is to be: `expected` in `ufw_chains`, and in the built-in ones, whose rules
    by ufw's files are `known`, beside what others have there in the table `live` now."""

    expected: Table
    ufw_chains: t.Set[str]
    known: transactions.Known
    live: Table

    @property
    def transaction(self) -> str:
        return transactions.transaction(self.live, self.expected, self.ufw_chains, self.known)

    @property
    def result(self) -> Table:
        return transactions.result(self.live, self.expected, self.ufw_chains, self.known)


class Changes(t.NamedTuple):
    """What has to change from `state`: `files` (path -> new text), systemd `steps`, the filter table of each family;
    `whole` is everything in the kernel after that."""

    state: State
    files: t.Dict[str, str]
    steps: t.Tuple[str, ...]
    targets: t.Dict[str, Target]
    whole: WholeKernel
    edited: Edited
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]
    closing: t.Tuple[Opening, ...]
    staying: t.Tuple[Opening, ...]

    @property
    def transactions(self) -> t.Dict[str, str]:
        """By family; none where nothing changes."""
        texts = {family: target.transaction for family, target in self.targets.items()}
        return {family: text for family, text in texts.items() if text}

    @property
    def expected(self) -> Tables:
        return {family: target.expected for family, target in self.targets.items()}

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
        """Rules of others and the replies included; what cannot be told is left to the confirmation."""
        if traffic.family(connection.peer) not in self.targets:
            # ufw denies a family that it does not manage as a whole
            return not self.edited.settings.enabled
        answers = (ask(self.whole, connection).answer for ask in (questions.of_connection, questions.of_replies))
        return outcome.DENIED not in answers

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
            'ufw_chains': {family: sorted(target.ufw_chains) for family, target in self.targets.items()},
            'known': {family: target.known for family, target in self.targets.items()},
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
        desired = self.desired()
        families = transactions.differing_families(self.expected, desired['ufw_chains'], desired['known'])
        if families:
            raise BackendError(f'the rules in the kernel differ from the policy ({families})')
        return self.transition


def is_starting(state: State, edited: Edited) -> bool:
    return edited.settings.enabled and not state.live['ipv4'].has_ufw('ipv4')
