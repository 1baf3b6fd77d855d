# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one host as values."""

from __future__ import annotations

import typing as t

from ...module_utils._model import peers as peers_of
from ...module_utils._model.directions import DIRECTIONS
from ...module_utils._model.peers import Peers
from .._catalog.model import Citation
from .._inventory.deployments import Deployments


class Rule(t.NamedTuple):
    """One rule of a host. `ports` are texts, empty for protocols without ports; `peer` is the component that has
    `peers`; `icmp_types`: those of ICMP, all if empty; `to`: the addresses of groups to which what comes in is sent,
    instead of an address of the host; `doubtful`: why its document is doubtful, if no other flow states it."""

    direction: str
    protocol: str
    ports: tuple[str, ...]
    peer: str
    peers: Peers
    flows: tuple[str, ...]
    citations: tuple[Citation, ...]
    assumed: bool
    icmp_types: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    def order(self) -> tuple[t.Any, ...]:
        """The key by which rules are sorted."""
        ports = [[int(part) for part in text.split('-')] for text in self.ports]
        direction = DIRECTIONS.index(self.direction)
        more = self.icmp_types, self.to
        return direction, self.protocol, ports, self.peer, self.flows, peers_of.to_data(self.peers), more


class Gap(t.NamedTuple):
    """A component that has neither hosts, in these deployments, nor addresses. `refused`: the settings of the host do
    not accept that; `elsewhere`: deployments in which hosts have it; `reason`: what else is to be said of it."""

    component: str
    direction: str
    refused: bool
    deployments: Deployments
    elsewhere: tuple[str, ...] = ()
    reason: str = ''


class Mention(t.NamedTuple):
    """A documented row that makes no rule for its listener. `peer` is a component; "" stands for everybody that no
    rule names."""

    flow: str
    protocol: str
    ports: tuple[str, ...]
    peer: str


class HostPlan(t.NamedTuple):
    """`baseline`: what the host gets beside the rules of its products: management access, name resolution, ...;
    `forwarded`: traffic that the host passes on, which its own rules do not govern; `never_expose`: what the document
    says must not be reachable."""

    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]
    gaps: tuple[Gap, ...]
    baseline: tuple[Rule, ...] = ()
    forwarded: tuple[Mention, ...] = ()
    never_expose: tuple[Mention, ...] = ()

    @property
    def refused(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.refused)


Plans = dict[str, HostPlan]  # by host
