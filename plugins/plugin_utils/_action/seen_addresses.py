# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host has the addresses that others make rules for. What it says of itself is shown, and decides nothing."""

from __future__ import annotations

import typing as t

from ...module_utils._model.traffic import without_full_prefix
from .._base import addresses
from .._base.words import few


def warnings(host: str, declared: t.Sequence[str], own: t.Any) -> list[str]:
    """A warning if none of the DECLARED addresses of HOST is among its OWN ones, as it reports them."""
    texts = [text for text in map(str, own) if addresses.is_address(text)] if isinstance(own, list) else []
    if not texts or not declared or addresses.overlap(declared, texts):
        return []
    seen = few([without_full_prefix(cidr) for cidr in declared])
    return [
        f'{host}: none of the addresses that the inventory gives it ({seen}) is on one of its interfaces '
        f'({few(texts)}). The others make rules for the former: if they see it at another address, set '
        'portmatrix_addresses to that; '
        'behind NAT it may be as it should be'
    ]
