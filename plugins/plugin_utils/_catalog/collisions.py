# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that two catalogs would share: one variable that sets two options, one group that declares two components."""

from __future__ import annotations

import typing as t

from .model import Catalogs
from .options import DEPLOYMENT


def find(catalogs: Catalogs) -> list[str]:
    """A problem for each variable and each group name that stands for two things."""
    problems: list[str] = []
    variables: dict[str, tuple[str, str]] = {}
    groups: dict[str, tuple[str, str]] = {}
    for product, catalog in catalogs.items():
        for option in (*catalog.options, DEPLOYMENT):
            problems.extend(_collision(variables, product, option, f'{catalog.path}: options.{option}: the variable'))
        for component in catalog.components:
            problems.extend(
                _collision(groups, product, component, f'{catalog.path}: components.{component}: the group')
            )
    return problems


def _collision(known: dict[str, tuple[str, str]], product: str, name: str, where: str) -> t.Iterator[str]:
    full_name = f'{product}_{name}'
    if full_name in known:
        other_product, other = known[full_name]
        yield (
            f'{where} {full_name} would also stand for {other} of the product {other_product}; rename the product, or '
            'one of the two'
        )
    known.setdefault(full_name, (product, name))
