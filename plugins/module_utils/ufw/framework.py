# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""before.rules and after.rules: the files of ufw that belong to the administrator.

Two things of ours stand there, both marked and taken out again without a trace: a section at the end of before.rules with the rules that tuples
cannot express and the vendor's rows, and, with portmatrix_exclusive, lines of others that are switched off ("# portmatrix off: LINE").
"""

from __future__ import annotations

import re
import shlex
import typing as t

from .. import reach

BEFORE = {'ipv4': '/etc/ufw/before.rules', 'ipv6': '/etc/ufw/before6.rules'}
AFTER = {'ipv4': '/etc/ufw/after.rules', 'ipv6': '/etc/ufw/after6.rules'}
BEGIN, END = '# portmatrix begin', '# portmatrix end'
_OFF = '# portmatrix off: '
_SECTION = re.compile(rf'(?ms)^{BEGIN}\b.*?^{END}\n?')
_NAMES = {'ipv6-icmp': 'icmpv6', '58': 'icmpv6', '1': 'icmp', '6': 'tcp', '17': 'udp', '132': 'sctp'}
_WITH_PORTS = ('tcp', 'udp', 'sctp')
# Types of ICMPv6 that a host can do without; the others are what IPv6 itself is made of (RFC 4890, section 4.4).
_SPARE_ICMPV6 = ('echo-request', '128', 'echo-reply', '129', '144', '145', '146', '147')
# Traffic of multicast DNS, SSDP and DHCP, which ufw's own files admit from anywhere; so that a warning can call them by name.
KNOWN = {('udp', 5353): 'mDNS', ('udp', 1900): 'SSDP', ('udp', 68): 'DHCP'}


class Opening(t.NamedTuple):
    """A line of somebody else's that admits new traffic to or from the host, as far as its words can be understood."""

    line: str
    direction: str
    protocol: str
    span: t.Tuple[int, int]
    peers: t.Optional[str]

    def words(self, path: str) -> str:
        name = KNOWN.get((self.protocol, self.span[0]))
        return f'{path}: {f"{name}, " if name else ""}{self.line}'


def foreign(text: str) -> str:
    """TEXT without anything of ours: what the administrator wrote."""
    return re.sub(rf'(?m)^{_OFF}', '', _SECTION.sub('', text))


def section(text: str) -> str:
    """Our section of TEXT, "" where there is none."""
    match = _SECTION.search(text)
    return match.group() if match else ''


def closed(text: str) -> t.List[str]:
    """The lines of others that are switched off in TEXT."""
    return re.findall(rf'(?m)^{_OFF}(.*)$', text)


def compose(text: str, own: str, closing: t.Container[str]) -> str:
    """The administrator's TEXT with the lines CLOSING switched off and our section OWN at the end."""
    body = ''.join(f'{_OFF}{line}' if line.strip() in closing else line for line in foreign(text).splitlines(True))
    return body + ('\n' if own and body and not body.endswith('\n') else '') + own


def sections(text: str) -> t.Iterator[t.Tuple[str, t.List[str]]]:
    """(table, lines) of every transaction in TEXT."""
    table, lines = '', []
    for line in map(str.strip, text.splitlines()):
        if line.startswith('*'):
            table, lines = line[1:], []
        elif line == 'COMMIT':
            yield table, lines
        elif line and not line.startswith('#'):
            lines.append(line)


def openings(family: str, text: str) -> t.Iterator[Opening]:
    """What TEXT (of before.rules or after.rules) admits besides loopback, answers and what IPv6 cannot do without."""
    for table, lines in sections(foreign(text)):
        for line in lines if table == 'filter' else ():
            opening = _opening(family, line)
            if opening:
                yield opening


def _opening(family: str, line: str) -> t.Optional[Opening]:
    words = shlex.split(line)
    chain = re.fullmatch(r'ufw6?-(?:before|after)-(input|output)', words[1]) if words[:1] in (['-A'], ['-I']) else None
    if not chain or words[-2:] != ['-j', 'ACCEPT'] and 'ACCEPT' not in words:
        return None
    options = {name: words[number + 1] for number, name in enumerate(words[:-1]) if name.startswith('-')}
    protocol = options.get('-p', options.get('--protocol', 'any'))
    protocol = _NAMES.get(protocol, protocol)
    states = set(options.get('--ctstate', options.get('--state', 'NEW')).split(','))
    if 'lo' in (options.get('-i'), options.get('-o')) or 'NEW' not in states:
        return None
    if protocol == 'icmpv6' and options.get('--icmpv6-type', options.get('--icmp-type', 'echo-request')) not in _SPARE_ICMPV6:
        return None
    direction = 'ingress' if chain.group(1) == 'input' else 'egress'
    peers = options.get('-s' if direction == 'ingress' else '-d')
    # several ports (multiport) or a negation: say the whole line, and count it as open
    low, _colon, high = options.get('--dport', '0:65535' if protocol in _WITH_PORTS else '0').partition(':')
    span = (int(low), int(high or low)) if low.isdigit() and '!' not in words else (0, 65535)
    return Opening(line, direction, protocol, span, None if '!' in words else peers)


def beyond(opening: Opening, family: str, admitted: reach.Reach) -> bool:
    """Whether OPENING lets pass what the policy (ADMITTED) does not."""
    return not reach.covers(admitted, opening.direction, family, opening.protocol, opening.span, opening.peers)
