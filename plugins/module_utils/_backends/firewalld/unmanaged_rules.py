# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of firewalld that portmatrix does not manage and that decide first, and ports that zones forward."""

from __future__ import annotations

import typing as t

from ..._model import openings
from ..._model.policy import Policy
from ..._model.report import shorten
from . import bus
from .others import Effect
from .running import Settings
from .slots import BUILT_IN, EXCLUSIVE_PRIORITY, PREFIX

MAX_RULES = 3  # in a message


class Unmanaged(t.NamedTuple):
    """`priorities` of the running policies, without those of portmatrix and firewalld's built-in ones: a
    lower number decides first. `forwarding` are the zones that forward ports."""

    priorities: t.Dict[str, int] = {}
    forwarding: t.Tuple[str, ...] = ()


def priorities(policies: t.Mapping[str, Settings]) -> t.Dict[str, int]:
    """The priorities of the policies that portmatrix does not manage; POLICIES are the settings of all."""
    return {
        name: settings['priority']['data']
        for name, settings in policies.items()
        if name != BUILT_IN and not name.startswith(PREFIX)
    }


def read(policies: t.Mapping[str, Settings]) -> Unmanaged:
    """What portmatrix does not manage; POLICIES are the settings of all policies."""
    # the default zone has no interface of its own, but all that belong to no other
    names = sorted({*(bus.call('zone', 'getActiveZones') or ()), str(bus.call('', 'getDefaultZone'))})
    zones = {zone: bus.call('zone', 'getZoneSettings2', 's', zone) for zone in names}
    return Unmanaged(
        priorities(policies),
        tuple(zone for zone, settings in zones.items() if settings.get('forward_ports', {}).get('data')),
    )


def warnings(unmanaged: Unmanaged, policy: t.Optional[Policy], effect: Effect) -> t.Tuple[str, ...]:
    """What is decided before POLICY, and what zones deny or help with without effect."""
    if policy is None:
        return ()
    forwarding = (
        f'the firewalld zone {zone} forwards ports, and firewalld accepts forwarded traffic before any policy; '
        'remove the forwarding if it is not intended'
        for zone in unmanaged.forwarding
    )
    return (*forwarding, *(_exclusive(unmanaged, effect) if policy.exclusive else _shared(effect)))


def _shared(effect: Effect) -> t.Iterator[str]:
    yield from openings.warnings((*effect.first, *effect.rules))
    yield from _denials((*effect.first_denials, *effect.denials))


def _denials(denials: t.Sequence[str]) -> t.Iterator[str]:
    if denials:
        yield (
            'rules not managed by portmatrix deny what the policy allows, and come first: '
            f'{shorten(denials, MAX_RULES)}; remove them with firewall-cmd if they are not intended'
        )


def _exclusive(unmanaged: Unmanaged, effect: Effect) -> t.Iterator[str]:
    for name, number in sorted(unmanaged.priorities.items()):
        if number <= EXCLUSIVE_PRIORITY:
            yield (
                f'the firewalld policy {name} has a lower priority number than portmatrix, so it decides first and may '
                'allow other traffic; raise its priority number'
            )
    yield from _denials(effect.first_denials)
    if effect.denials:
        yield (
            'rules not managed by portmatrix deny what the policy allows, but have no effect, since the policy decides '
            f'first: {shorten(effect.denials, MAX_RULES)}; use a firewalld policy with a priority below '
            f'{EXCLUSIVE_PRIORITY} instead, and for fail2ban banaction = nftables'
        )
    if effect.helpers:
        yield (
            'helpers of connection tracking, which a zone attaches to what the policy allows, have no effect, since '
            f'the policy decides first: {shorten(effect.helpers, MAX_RULES)}; set portmatrix_exclusive: false on hosts '
            'that need them'
        )
