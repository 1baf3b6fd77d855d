# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener listens on: conditions and port options, evaluated once for each distinct set of options."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model import traffic
from ...module_utils._model.policy import ports_text
from .conditions import evaluate
from .model import Catalog
from .options import PLATFORM
from .schema import PORT

PortTable = dict[str, list[str]]  # flow id -> ports as text, sorted; empty for protocols without ports


def port_table(catalog: Catalog, values: dict[str, t.Any], platform: str) -> PortTable:
    """The flows that apply to a listener with these option VALUES, and their ports.

    Raises PortmatrixError if a derived port is above 65535.
    """
    table: PortTable = {}
    scope = {**values, PLATFORM: platform}
    for flow in catalog.flows:
        where = f'{catalog.path}: flow {flow.id!r}'
        if flow.when is None or evaluate(flow.when, scope, f'{where}: when'):
            table[flow.id] = _ports(flow.ports, values, where)
    return table


def _ports(ports: tuple[str, ...], values: dict[str, t.Any], where: str) -> list[str]:
    """Resolved ports in numeric order. Overlapping entries become one; adjacent ones stay as the document has them."""
    merged: list[traffic.Ports] = []
    for low, high in sorted({_resolve(text, values, where) for text in ports}):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return [ports_text(span) for span in merged]


def _resolve(text: str, values: dict[str, t.Any], where: str) -> traffic.Ports:
    match = t.cast('re.Match[str]', PORT.fullmatch(text))  # the catalog was checked when it was loaded
    low = values[match['option']] + int(match['offset'] or 0) if match['option'] else int(match['low'])
    high = int(match['high']) if match['high'] else low
    if high > 65535:
        raise PortmatrixError(f'{where}: port {text!r}: must be at most 65535, got {high}; lower {match["option"]}')
    return low, high
