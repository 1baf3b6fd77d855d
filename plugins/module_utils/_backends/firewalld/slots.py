# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies that exist in firewalld at all times, in force or idle."""

from __future__ import annotations

import typing as t

from ..._model.directions import EGRESS, INGRESS

PREFIX = 'portmatrix-'
# firewalld's own policy, for what IPv6 cannot do without
BUILT_IN = 'allow-host-ipv6'


class Slot(t.NamedTuple):
    """One of the policies. Denied traffic is dropped without an answer if it comes from outside (DROP), and rejected if
    it comes from the host's own programs (REJECT)."""

    name: str
    direction: str
    exclusive: bool
    target: str
    priority: int


# (ingress zone, egress zone) of a policy in force.
ZONES = {INGRESS: ('ANY', 'HOST'), EGRESS: ('HOST', 'ANY')}
# After the rules of all zones and policies, before the targets of zones; exclusive: before all of them.
PRIORITY, EXCLUSIVE_PRIORITY = 32767, -32000
# A name may have 18 characters (firewalld before 2.4).
SLOTS = {
    slot.name: slot
    for slot in (
        Slot('portmatrix-in', INGRESS, False, 'DROP', PRIORITY),
        Slot('portmatrix-in-top', INGRESS, True, 'DROP', EXCLUSIVE_PRIORITY),
        Slot('portmatrix-out', EGRESS, False, 'REJECT', PRIORITY),
        Slot('portmatrix-out-top', EGRESS, True, 'REJECT', EXCLUSIVE_PRIORITY),
    )
}


def slot_of(direction: str, exclusive: bool) -> Slot:
    return next(slot for slot in SLOTS.values() if (slot.direction, slot.exclusive) == (direction, exclusive))
