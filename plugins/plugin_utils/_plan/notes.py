# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator has to know about the plan of a host, each text once with the flows that it concerns."""

from __future__ import annotations

from .._base.words import few
from .._catalog.model import Flow


class Notes:
    def __init__(self) -> None:
        # (text, direction, product) -> flows
        self._flows: dict[tuple[str, str, str], list[str]] = {}

    def add(self, text: str, direction: str, flow: Flow) -> None:
        self._flows.setdefault((text, direction, flow.product), []).append(flow.name)

    def texts(self) -> list[str]:
        return sorted(f'{text} (flows: {few(list(dict.fromkeys(flows)))})' for (text, *_), flows in self._flows.items())
