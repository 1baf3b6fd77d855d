# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the preflight that concern only the hosts of the play: their settings, and all their peers."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model import peers as peers_of
from .._base.words import few
from .._catalog.model import Catalogs
from .._inventory import deployments, settings
from .._inventory.address_book import AddressBook, Host
from .._inventory.host_variables import HostVariables, Inventory
from .._inventory.settings import Settings
from .._plan import planner
from .._plan.rules import Gap


class Checked(t.NamedTuple):
    """`kinds` by host: equal for those that have the same warnings."""

    denies_egress: bool
    kinds: dict[str, str]


def check(
    names: list[str],
    hosts: dict[str, Host],
    warnings: dict[str, list[str]],
    catalogs: Catalogs,
    book: AddressBook,
    inventory: Inventory,
    egress: str | None,
) -> Checked:
    """Check the settings of the hosts NAMES, and plan one of each kind.

    Raises PortmatrixError with all problems, and with all unresolved components.
    """
    kinds: dict[str, str] = {}
    gaps: dict[str, tuple[Gap, ...]] = {}
    missing: dict[Gap, list[str]] = {}
    problems: list[str] = []
    denies_egress = False
    inventory.names.prepare(text for name in names for text in settings.names_of_peers(inventory.in_play(name)))
    for name in names:
        try:
            declared = _settings(inventory.in_play(name), catalogs, egress)
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        denies_egress = denies_egress or declared.egress == 'deny'
        kinds[name] = kind(hosts[name], declared, warnings.get(name, []))
        try:
            if kinds[name] not in gaps:
                gaps[kinds[name]] = planner.plan_host(hosts[name], declared, catalogs, book).refused
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        for gap in gaps[kinds[name]]:
            missing.setdefault(gap, []).append(name)
    problems.extend(unresolved(gap, members) for gap, members in sorted(missing.items()))
    if problems:
        raise PortmatrixError(*problems)
    return Checked(denies_egress, kinds)


def host_settings(variables: HostVariables, catalogs: Catalogs, egress: str | None) -> Settings:
    """The settings of one host; EGRESS wins if it is set."""
    declared = settings.read_settings(variables, catalogs)
    return declared._replace(egress=egress) if egress else declared


def unresolved(gap: Gap, hosts: list[str]) -> str:
    """The problem of a component that has neither hosts nor addresses."""
    where = deployments.text(gap.deployments, gap.elsewhere)
    elsewhere = f'; hosts in {", ".join(gap.elsewhere)} have it' if gap.elsewhere else ''
    reason = f'; {gap.reason}' if gap.reason else ''
    return (
        f'{gap.component}: has neither hosts nor addresses{where}, but {gap.direction} rules need it (on {few(hosts)})'
        f'{elsewhere}{reason}; declare its hosts, or set portmatrix_peers[{gap.component!r}] to its addresses (an '
        'empty list if no host has this component)'
    )


def kind(host: Host, declared: Settings, warnings: t.Sequence[str]) -> str:
    """Equal for hosts that have the same unresolved components and the same warnings."""
    peers = {component: peers_of.to_data(members) for component, members in declared.peers.items()}
    sources = peers_of.to_data(declared.management_sources)
    plain = {**declared._asdict(), 'peers': peers, 'management_sources': sources}
    of_host = [host.components, host.platform, host.options, host.deployments, sorted(planner.families(host.addresses))]
    return hashlib.sha256(json.dumps([of_host, plain, warnings], sort_keys=True).encode()).hexdigest()[:20]


def _settings(variables: HostVariables, catalogs: Catalogs, egress: str | None) -> Settings:
    # those that are read later are checked here too, before any host is changed
    settings.read_confirm_timeout(variables, None)
    settings.read_flag(variables, 'portmatrix_confirm_connections')
    return host_settings(variables, catalogs, egress)
