# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator's files allow in addition to the policy."""

from __future__ import annotations

import re
import shlex
import typing as t

from ..._model import protocols, traffic
from ..._model.directions import EGRESS, INGRESS
from ..._model.peers import ANY, Peer
from .administrator_files import filter_lines
from .managed_section import unmanaged
from .ruleset import Ruleset

_LONG_OPTIONS = {
    '--protocol': '-p',
    '--source': '-s',
    '--src': '-s',
    '--destination': '-d',
    '--dst': '-d',
    '--in-interface': '-i',
    '--out-interface': '-o',
}
# Types of ICMPv6 that a host can do without; IPv6 itself does not work without the others (RFC 4890, section 4.4).
_OPTIONAL_ICMPV6 = ('echo-request', '128', 'echo-reply', '129', '144', '145', '146', '147')
# Multicast DNS, SSDP and DHCP, which ufw's own files allow from anywhere; a warning calls them by name.
WELL_KNOWN = {('udp', 5353): 'mDNS', ('udp', 1900): 'SSDP', ('udp', 68): 'DHCP'}


class OpenLine(t.NamedTuple):
    """A line of the administrator's that allows new traffic to or from the host, as far as it can be parsed."""

    line: str
    direction: str
    protocol: str
    ports: traffic.Ports
    peer: Peer

    @property
    def name(self) -> str:
        """Its name if it is well known, else ""."""
        return WELL_KNOWN.get((self.protocol, self.ports[0]), '')

    def text(self, path: str) -> str:
        return f'{path}: {f"{self.name}, " if self.name else ""}{self.line}'


def read(path: str, text: str) -> t.Iterator[OpenLine]:
    """What TEXT (of before.rules or after.rules) allows besides loopback, replies and what IPv6 cannot do without."""
    lines = filter_lines(path, unmanaged(text))
    # chains of the administrator's own that accept anything
    accepting = {
        words[1]
        for words in map(str.split, lines)
        if 'ACCEPT' in words[2:] and not re.match(r'ufw6?-|INPUT|OUTPUT|FORWARD', words[1])
    }
    for line in lines:
        found = _open_line(line, {'ACCEPT', *accepting})
        if found:
            yield found


def _open_line(line: str, targets: t.Set[str]) -> t.Optional[OpenLine]:
    chain = re.match(r'-[AI] (?:ufw6?-(?:before|after)-)?(input|output|INPUT|OUTPUT)\s', line)
    if not chain or not targets & set(line.split()):
        return None
    direction = INGRESS if chain.group(1).lower() == 'input' else EGRESS
    try:
        words = shlex.split(line)
    except ValueError:
        return OpenLine(line, direction, 'any', traffic.ALL_PORTS, ANY)
    options = {_LONG_OPTIONS.get(name, name): value for name, value in zip(words, words[1:]) if name.startswith('-')}
    protocol = protocols.catalog_name(options.get('-p', 'any'))
    states = set(options.get('--ctstate', options.get('--state', 'NEW')).split(','))
    if 'lo' in (options.get('-i'), options.get('-o')) or 'NEW' not in states:
        return None
    if protocol == 'icmpv6':
        icmp_type = options.get('--icmpv6-type', options.get('--icmp-type'))
        if icmp_type not in _OPTIONAL_ICMPV6:
            return None
    peer = options.get('-s' if direction == INGRESS else '-d')
    is_negated = '!' in words
    return OpenLine(
        line, direction, protocol, _ports(protocol, options, is_negated), ANY if is_negated or peer is None else peer
    )


def _ports(protocol: str, options: t.Dict[str, str], is_negated: bool) -> traffic.Ports:
    """The ports that a line allows. Several ports (multiport), names and a negation count as all of them."""
    default = '0:65535' if protocol in protocols.WITH_PORTS else '0'
    low, _colon, high = options.get('--dport', default).partition(':')
    if low.isdigit() and (high or low).isdigit() and not is_negated:
        return int(low), int(high or low)
    return traffic.ALL_PORTS


def exceeds(line: OpenLine, family: str, ruleset: Ruleset) -> bool:
    """Whether LINE allows more than RULESET does."""
    if line.direction not in ruleset.directions:
        return False
    try:
        return not traffic.allows(ruleset.allowed, line.direction, family, line.protocol, line.ports, line.peer)
    except (ValueError, OSError):  # names, lists, masks that are not prefixes
        return True
