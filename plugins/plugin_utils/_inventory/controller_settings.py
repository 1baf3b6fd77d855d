# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the controller: the same for all hosts, or it would matter which of them is asked."""

from __future__ import annotations

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_inventory import merges_hashes
from .._base.words import few
from .host_variables import Inventory

NAMES = ('portmatrix_catalogs', 'portmatrix_baseline', 'portmatrix_address_book')


def require_same(inventory: Inventory) -> None:
    """Raise PortmatrixError for each setting that hosts of the inventory do not have in common."""
    if merges_hashes():
        raise PortmatrixError(
            'hash_behaviour is merge, so nobody can tell which mappings the inventory, and which a host, has set; set '
            'it to replace (the default)'
        )
    task, problems = inventory.task(), []
    for name in NAMES:
        wanted = task.get(name)
        others = [
            host for host in inventory.hosts if host != inventory.host and inventory.in_play(host).get(name) != wanted
        ]
        if others:
            problems.append(
                f'{name}: must be the same for all hosts, but differs between {inventory.host} and {few(others)}; '
                'set it for the group all, or with --extra-vars'
            )
    if problems:
        raise PortmatrixError(*problems)
