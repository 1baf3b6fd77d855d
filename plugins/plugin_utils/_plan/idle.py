# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components that a host plays, but for which no flow applies: they get no rule because of the options."""

from __future__ import annotations

import typing as t

from .._catalog import conditions
from .._catalog.model import Catalog
from .._catalog.options import PLATFORM


def warnings(catalog: Catalog, components: t.Iterable[str]) -> t.Iterator[str]:
    """A warning for each of COMPONENTS of CATALOG that has flows, with the options that switch these on."""
    for component in sorted(components):
        flows = [flow for flow in catalog.flows if any(component in pair for pair in flow.pairs)]
        names: set[str] = set()
        for flow in flows:
            names |= conditions.names(flow.when or '') | ({flow.ports_by[0]} if flow.ports_by else set())
        variables = sorted(f'{catalog.product}_{name}' for name in names - {PLATFORM})
        if flows:
            yield (
                f'{catalog.product}.{component}: none of its {len(flows)} flows applies with the options of this host '
                f'and its peers, so there is no rule for it; see {", ".join(variables) or "the notes of the catalog"}'
            )
