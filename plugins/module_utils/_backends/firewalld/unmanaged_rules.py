# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and policies of firewalld that portmatrix does not manage, and what they mean for its policy."""

from __future__ import annotations

import re
import typing as t

from ..._model.policy import Policy
from . import bus
from .running import Settings
from .slots import EXCLUSIVE_PRIORITY, PREFIX, PRIORITY

_DENIES = re.compile(r'\b(reject|drop)\b')
_BUILT_IN = ('allow-host-ipv6',)


class Unmanaged(t.NamedTuple):
    """`priorities` of the running policies, without those of portmatrix and firewalld's built-in ones: a
    lower number decides first. `forwarding` and `denying` are the active zones that forward ports and that have rich
    rules which deny."""

    priorities: t.Dict[str, int] = {}
    forwarding: t.Tuple[str, ...] = ()
    denying: t.Tuple[str, ...] = ()


def read(policies: t.Mapping[str, Settings]) -> Unmanaged:
    """What portmatrix does not manage; POLICIES are the settings of all policies."""
    priorities = {
        name: settings['priority']['data']
        for name, settings in policies.items()
        if name not in _BUILT_IN and not name.startswith(PREFIX)
    }
    names = sorted(bus.call('zone', 'getActiveZones') or ())
    zones = {zone: bus.call('zone', 'getZoneSettings2', 's', zone) for zone in names}
    return Unmanaged(
        priorities,
        tuple(zone for zone, settings in zones.items() if settings.get('forward_ports', {}).get('data')),
        tuple(zone for zone, settings in zones.items() if _has_denials(settings)),
    )


def _has_denials(settings: t.Dict[str, t.Dict[str, t.Any]]) -> bool:
    return any(_DENIES.search(rule) for rule in settings.get('rules_str', {}).get('data') or ())


def warnings(unmanaged: Unmanaged, policy: t.Optional[Policy]) -> t.Tuple[str, ...]:
    """What is decided before POLICY, and what zones deny without effect."""
    if policy is None:
        return ()
    managed_priority = EXCLUSIVE_PRIORITY if policy.exclusive else PRIORITY
    earlier = [name for name, number in sorted(unmanaged.priorities.items()) if number <= managed_priority]
    advice = 'raise its priority number'
    if not policy.exclusive:
        advice += ', or set portmatrix_exclusive: true'
    return (
        *(
            f'the firewalld policy {name} has a lower priority number than portmatrix, so it decides first and may '
            f'allow other traffic; {advice}'
            for name in earlier
        ),
        *(
            f'the firewalld zone {zone} forwards ports, and firewalld accepts forwarded traffic before any policy; '
            'remove the forwarding if it is not intended'
            for zone in unmanaged.forwarding
        ),
        *(
            f'the firewalld zone {zone} has rich rules that deny, but not what the policy allows, since the policy '
            f'decides first; use a firewalld policy with a priority below {managed_priority} instead, and for '
            'fail2ban banaction = nftables'
            for zone in unmanaged.denying
        ),
    )
