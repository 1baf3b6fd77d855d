# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet marks: 32 bits, of which rules compare and change some."""

from __future__ import annotations

import functools
import typing as t

from .._model import intervals
from .packets import Box
from .rules import Unknown

_ALL = 2**32 - 1
_MAX_INTERVALS = 2**18


@functools.lru_cache(maxsize=64)
def boxes(value: int, mask: int) -> t.Tuple[Box, ...]:
    """The marks that are VALUE in the bits of MASK. Raises Unknown if they are too scattered."""
    if value & ~mask:
        return ()
    if not mask:
        return ({},)
    size = mask & -mask
    free = _ALL & ~mask & ~(size - 1)
    if 1 << bin(free).count('1') > _MAX_INTERVALS:
        raise Unknown
    spans: t.List[intervals.Interval] = []
    bits = 0
    while True:
        spans.append((value | bits, value | bits | size - 1))
        bits = (bits - free) & free
        if not bits:
            return ({'mark': intervals.merge(spans)},)
