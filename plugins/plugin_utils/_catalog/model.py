# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs as values: the port matrix of one product each."""

from __future__ import annotations

import typing as t

SAME = 'same'  # the usual value of `between`
NEVER_EXPOSE = 'never_expose'
ADVICE = (NEVER_EXPOSE,)
# what a document may leave open, so that a catalog infers it
INFERRED = ('port', 'protocol', 'source', 'destination', 'direction')
Citation = dict[str, str]  # `document`, `section`, `row`

_TUPLES = ('protocols', 'ports', 'citations', 'icmp_types', 'group_addresses', 'versions', 'inferred')


class Flow(t.NamedTuple):
    """One documented flow. `pairs` are (source, destination) components of its product; `ports` are not resolved yet
    ("22", "80-90", "api_port+1", "low-high"), and neither are `ports_by`: (option, its value -> ports), `icmp_types`
    are canonical; `group_addresses` are addresses and names of options; `between` (same, different, any) says which
    deployments it joins; `inferred`: what the document does not state; `doubtful`: a reason; `forwarded`: traffic
    that does not end at the listener; `advice`: it is no flow, but one that must not be."""

    id: str
    product: str
    title: str
    note: str | None
    pairs: tuple[tuple[str, str], ...]
    protocols: tuple[str, ...]
    ports: tuple[str, ...]
    when: str | None
    optional: bool
    assumed: bool
    citations: tuple[Citation, ...]
    between: str = SAME
    ports_by: tuple[str, dict[str, list[str]]] | None = None
    icmp_types: tuple[str, ...] = ()
    group_addresses: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    doubtful: str | None = None
    forwarded: bool = False
    advice: str | None = None

    @property
    def name(self) -> str:
        return f'{self.product}/{self.id}'

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Flow:
        """From the result of `_asdict`, by way of JSON."""
        lists = {name: tuple(data[name]) for name in _TUPLES}
        own = {'pairs': tuple((source, destination) for source, destination in data['pairs'])}
        own.update({'ports_by': tuple(data['ports_by'])} if data['ports_by'] else {})
        return cls(**{**data, **lists, **own})


class Catalog(t.NamedTuple):
    """One product. `options` and `components` have the form of the file, with defaults filled in."""

    product: str
    title: str
    path: str
    sha256: str
    documents: dict[str, dict[str, str]]
    options: dict[str, dict[str, t.Any]]
    components: dict[str, dict[str, t.Any]]
    notes: tuple[str, ...]
    flows: tuple[Flow, ...]

    def to_data(self) -> dict[str, t.Any]:
        """As plain data."""
        return {**self._asdict(), 'flows': [flow._asdict() for flow in self.flows]}

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Catalog:
        """From the result of `to_data`, by way of JSON."""
        flows = tuple(Flow.from_data(flow) for flow in data['flows'])
        return cls(**{**data, 'notes': tuple(data['notes']), 'flows': flows})


Catalogs = dict[str, Catalog]  # by product


def flows_by_name(catalogs: Catalogs) -> dict[str, Flow]:
    """ "product/id" -> flow."""
    return {flow.name: flow for catalog in catalogs.values() for flow in catalog.flows}


def citation_text(citation: Citation) -> str:
    return f'{citation["document"]}, {citation["section"]}, {citation["row"]}'


def product_of(component: str) -> str:
    """The product of "product.component"."""
    return component.partition('.')[0]


def products_of(components: t.Iterable[str]) -> list[str]:
    """The products of COMPONENTS ("product.component"), sorted."""
    return sorted({product_of(component) for component in components})
