# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned change of firewalld: what it contains, and how it is applied."""

from __future__ import annotations

import typing as t

from ..._kernel import questions
from ..._kernel.reader import Kernel as WholeKernel
from ..._model.connection import Connection
from ..._model.openings import Opening
from ..base import PlainData
from . import applying, config_files, docker, hitless, others
from .documents import Documents
from .service import Switch

if t.TYPE_CHECKING:
    from .planning import State


class Changes(t.NamedTuple):
    """What has to change from `state`: `files` (path -> new content, None removes), the `switch` of the service, and
    the `transition` of the running firewall to `wanted`, by way of `steps` if it is hitless; `neighbours`: what else
    filters packets."""

    state: State
    wanted: Documents
    files: t.Dict[str, t.Optional[str]]
    switch: Switch
    transition: str
    steps: t.Optional[hitless.Steps]
    orders: others.Orders
    neighbours: WholeKernel
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]
    closing: t.Tuple[Opening, ...]
    staying: t.Tuple[Opening, ...]

    @property
    def has_changes(self) -> bool:
        is_incomplete = self.state.unfinished or self.state.closed
        return bool(self.files or self.switch.steps or self.transition != 'none' or is_incomplete)

    def would_allow(self, connection: Connection) -> bool:
        if 'stop' in self.switch.steps:
            return True
        passes = others.allowed(self.wanted, self.orders, self.state.unmanaged.priorities, [connection])
        return bool(passes and questions.not_denied(self.neighbours, passes))

    def snapshot(self) -> PlainData:
        observed = self.state.service
        return {
            'files': self.state.files,
            'active': observed.active,
            'enabled': observed.enablement,
            'switched_on': list(observed.switched_on),
            'isolation': docker.isolation(),
        }

    def desired(self) -> PlainData:
        return {
            'files': self.files,
            'wanted': config_files.render(self.wanted),
            'steps': list(self.switch.steps),
            'switched_on': list(self.switch.switched_on),
        }

    def apply(self, snapshot: PlainData) -> str:
        return applying.apply(self, snapshot)
