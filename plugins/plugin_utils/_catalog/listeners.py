# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener listens on: conditions and port options, evaluated once for each distinct set of options."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.libraries import jmespath
from .conditions import PLATFORM
from .loader import Catalog
from .schema import PORT


def table(catalog: Catalog, values: dict[str, t.Any], platform: str) -> dict[str, list[str]]:
    """Flow id -> ports (texts, sorted; empty for protocols without ports) of the flows that apply to a listener with these options.

    Raises PortmatrixError where a derived port leaves 1-65535.
    """
    applies: dict[str, list[str]] = {}
    scope = {**values, PLATFORM: platform}
    for flow in catalog.flows:
        if flow.when is None or _holds(flow.when, scope, f'{catalog.path}: flow {flow.id!r}: when'):
            applies[flow.id] = _ports(flow.ports, values, f'{catalog.path}: flow {flow.id!r}')
    return applies


def _holds(expression: str, scope: dict[str, t.Any], where: str) -> bool:
    try:
        value = jmespath.search(expression, scope)
    except jmespath.exceptions.JMESPathError as error:
        raise PortmatrixError(
            f'{where}: {expression!r} cannot be evaluated ({" ".join(str(error).split())})'
        ) from error
    if not isinstance(value, bool):
        raise PortmatrixError(
            f'{where}: {expression!r} gives {value!r}; a condition gives true or false, compare the value with something'
        )
    return value


def _ports(ports: tuple[str, ...], values: dict[str, t.Any], where: str) -> list[str]:
    """Resolved ports, in numeric order, without those that another entry contains."""
    spans: list[tuple[int, int]] = []
    for text in ports:
        match = t.cast('re.Match[str]', PORT.fullmatch(text))  # the catalog's checks have seen to it
        low = values[match['option']] + int(match['offset'] or 0) if match['option'] else int(match['low'])
        high = int(match['high']) if match['high'] else low
        if high > 65535:
            raise PortmatrixError(
                f'{where}: the port {text!r} comes to {high}, above 65535; choose a lower {match["option"]}'
            )
        spans.append((low, high))
    merged: list[tuple[int, int]] = []
    for low, high in sorted(set(spans)):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return [str(low) if low == high else f'{low}-{high}' for low, high in merged]
