# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator's files allow in addition to the policy. What is not understood in a line counts as open."""

from __future__ import annotations

import typing as t

from ..._kernel import flows, iptables_conditions, iptables_options, neighbours
from ..._kernel.iptables_options import Line
from ..._kernel.packets import Packets, selected
from ..._kernel.rules import Unknown
from ..._kernel.surroundings import Context, Surroundings
from ..._model import traffic
from ..._model.directions import EGRESS, INGRESS
from ..._model.openings import Opening
from .administrator_files import filter_lines
from .managed_section import unmanaged
from .ruleset import Ruleset

# Multicast DNS, SSDP and DHCP, which ufw's own files allow from anywhere; a warning calls them by name.
_WELL_KNOWN = {(17, 5353): 'mDNS', (17, 1900): 'SSDP', (17, 68): 'DHCP'}
_CHAINS = {
    **{f'{prefix}-{place}-input': INGRESS for prefix in ('ufw', 'ufw6') for place in ('before', 'after')},
    **{f'{prefix}-{place}-output': EGRESS for prefix in ('ufw', 'ufw6') for place in ('before', 'after')},
    'INPUT': INGRESS,
    'OUTPUT': EGRESS,
}


class OpenLine(t.NamedTuple):
    """A line of the administrator's that allows new traffic to or from the host: `packets`, or some of them."""

    line: str
    direction: str
    packets: t.Tuple[Packets, ...]

    @property
    def name(self) -> str:
        """Its name if it is well known, else ""."""
        first = self.packets[0]
        return _WELL_KNOWN.get((first.protocol[0][0], first.destination_port[0][0]), '')

    def opening(self, path: str) -> Opening:
        text = f'{path}: {f"{self.name}, " if self.name else ""}{self.line}'
        return neighbours.opening(self.direction, text, self.packets)._replace(for_all=False)


def read(path: str, text: str, family: str) -> t.Iterator[OpenLine]:
    """What TEXT (of before.rules or after.rules) allows besides loopback, replies and what IPv6 cannot do without."""
    lines = [(line, _parse(line)) for line in filter_lines(path, unmanaged(text)) if line.startswith('-')]
    # chains of the administrator's own that accept anything
    accepting = {
        parsed.chain
        for _line, parsed in lines
        if parsed and parsed.target == 'ACCEPT' and parsed.chain not in (*_CHAINS, 'FORWARD')
    }
    for line, parsed in lines:
        direction = _CHAINS.get(parsed.chain if parsed else _chain(line), '')
        is_accepting = parsed is None or parsed.target in accepting or parsed.target == 'ACCEPT'
        if direction and is_accepting:
            packets = neighbours.beyond(_packets(parsed, direction, family), ())
            if packets:
                yield OpenLine(line, direction, tuple(packets))


def exceeds(line: OpenLine, family: str, ruleset: Ruleset) -> bool:
    """Whether LINE allows more than RULESET does."""
    boxes = flows.boxes(ruleset.allowed, line.direction, family)
    return line.direction in ruleset.directions and bool(neighbours.beyond(line.packets, boxes))


def _parse(line: str) -> t.Optional[Line]:
    """None if the line cannot be read at all."""
    try:
        return iptables_options.parse(line)
    except Unknown:
        return None


def _chain(line: str) -> str:
    words = line.split()
    return words[1] if words[0] in ('-A', '-I') and len(words) > 1 else ''


def _packets(line: t.Optional[Line], direction: str, family: str) -> t.List[Packets]:
    """What LINE selects of all new packets."""
    options = line.options if line else ()
    names = {option.values[0] for option in options if option.name in ('-i', '-o') and option.values}
    whole = (traffic.whole_family(family),)
    # files are read for any host: each interface that is named may be there, and each address may be its own
    here = Surroundings(tuple(sorted(names - {'lo'})) or ('any',), {family: whole}, {family: ()})
    selection = iptables_conditions.read(options, Context(family, here), {})
    return selected(selection.conditions, [flows.everything(here, direction, family)])
