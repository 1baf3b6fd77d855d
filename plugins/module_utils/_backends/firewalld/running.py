# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies in the running firewalld, those that portmatrix manages and the others."""

from __future__ import annotations

import re
import typing as t

from . import bus
from .documents import Documents, PolicyDocument
from .slots import PREFIX, SLOTS, ZONES, Slot

_MANAGED_SETTINGS = (
    'short',
    'description',
    'target',
    'priority',
    'ingress_zones',
    'egress_zones',
    'rich_rules',
)
Settings = t.Dict[str, t.Dict[str, t.Any]]


class RunningPolicy(t.NamedTuple):
    """`is_modified`: it has settings that portmatrix never writes."""

    rules: t.Tuple[str, ...]
    active: bool
    priority: int
    target: str
    is_modified: bool


Running = t.Dict[str, RunningPolicy]  # by name


def read_settings() -> t.Dict[str, Settings]:
    """Name -> settings of every policy."""
    return {name: bus.call('policy', 'getPolicySettings', 's', name) for name in bus.call('policy', 'getPolicies')}


def managed(settings: t.Mapping[str, Settings]) -> Running:
    """The policies that portmatrix manages, in the SETTINGS of all."""
    return {name: _policy(name, own) for name, own in settings.items() if name.startswith(PREFIX)}


def read() -> Running:
    return managed(read_settings())


def has_objects(running: Running, policies: t.Union[t.Mapping[str, PolicyDocument], t.Mapping[str, Slot]]) -> bool:
    """Whether RUNNING has exactly these POLICIES, with their priorities and targets."""
    return running.keys() == policies.keys() and all(
        (policy.priority, policy.target) == (policies[name].priority, policies[name].target) and not policy.is_modified
        for name, policy in running.items()
    )


def has_rules(running: Running, documents: Documents) -> bool:
    """Whether the policies in force in RUNNING have exactly the rules of DOCUMENTS, with the same sets."""
    return {name: set(policy.rules) for name, policy in running.items() if policy.active} == {
        name: set(document.texts()) for name, document in documents.active.items()
    }


def _policy(name: str, settings: Settings) -> RunningPolicy:
    def data(key: str) -> t.Any:
        return settings.get(key, {}).get('data')

    zones = (*(data('ingress_zones') or ()), *(data('egress_zones') or ()))
    has_other_zones = bool(zones) and name in SLOTS and zones != ZONES[SLOTS[name].direction]
    has_other_settings = any(variant['data'] for key, variant in settings.items() if key not in _MANAGED_SETTINGS)
    return RunningPolicy(
        rules=tuple(data('rich_rules') or ()),
        active=bool(data('ingress_zones') and data('egress_zones')),
        priority=int(data('priority')),
        target=str(data('target')),
        is_modified=has_other_zones or has_other_settings,
    )


def used_sets(running: Running) -> t.Set[str]:
    """The sets that the rules of RUNNING refer to."""
    return {
        name for policy in running.values() for rule in policy.rules for name in re.findall(r'ipset="([^"]+)"', rule)
    }
