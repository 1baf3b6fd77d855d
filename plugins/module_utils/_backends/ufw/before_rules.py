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

from ..._base.errors import Refused
from ..._model import traffic

BEFORE = {'ipv4': '/etc/ufw/before.rules', 'ipv6': '/etc/ufw/before6.rules'}
AFTER = {'ipv4': '/etc/ufw/after.rules', 'ipv6': '/etc/ufw/after6.rules'}
BEGIN, END = '# portmatrix begin', '# portmatrix end'
_OFF = '# portmatrix off: '
_SECTION = re.compile(rf'(?ms)^{BEGIN}\b.*?^{END}\n?')
_NAMES = {'ipv6-icmp': 'icmpv6', '58': 'icmpv6', '1': 'icmp', '6': 'tcp', '17': 'udp', '132': 'sctp'}
_LONG = {
    '--protocol': '-p',
    '--source': '-s',
    '--src': '-s',
    '--destination': '-d',
    '--dst': '-d',
    '--in-interface': '-i',
    '--out-interface': '-o',
}
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


def sections(path: str, text: str) -> t.Iterator[t.Tuple[str, t.List[str]]]:
    """(table, lines) of every transaction in the TEXT of PATH. Raises Refused for lines that stand in none, and for one without its COMMIT."""
    table = ''
    lines: t.List[str] = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line.startswith('*') and not table:
            table, lines = line[1:], []
        elif line == 'COMMIT' and table:
            yield table, lines
            table = ''
        elif line and not line.startswith('#'):
            if not table or line.startswith('*'):
                raise Refused(
                    f'{path}, line {number}: {line!r} stands outside of a table (from "*filter" to "COMMIT"), so iptables-restore would not load it'
                )
            lines.append(line)
    if table:
        raise Refused(
            f'{path}: the table {table} has no "COMMIT" at its end, so iptables-restore would not load it; add the line'
        )


def declared(path: str, text: str) -> t.Set[str]:
    """The chains of the table filter that TEXT declares."""
    return {
        line[1:].split()[0]
        for table, lines in sections(path, text)
        for line in lines
        if table == 'filter' and line.startswith(':')
    }


def openings(path: str, text: str) -> t.Iterator[Opening]:
    """What TEXT (of before.rules or after.rules) admits besides loopback, answers and what IPv6 cannot do without."""
    lines = [line for table, found in sections(path, foreign(text)) if table == 'filter' for line in found]
    # chains of the administrator's own that let anything in
    accepting = {
        words[1]
        for words in map(str.split, lines)
        if 'ACCEPT' in words[2:] and not re.match(r'ufw6?-|INPUT|OUTPUT|FORWARD', words[1])
    }
    for line in lines:
        opening = _opening(line, {'ACCEPT', *accepting})
        if opening:
            yield opening


def _opening(line: str, targets: t.Set[str]) -> t.Optional[Opening]:
    chain = re.match(r'-[AI] (?:ufw6?-(?:before|after)-)?(input|output|INPUT|OUTPUT)\s', line)
    if not chain or not targets & set(line.split()):
        return None
    direction = 'ingress' if chain.group(1).lower() == 'input' else 'egress'
    try:
        words = shlex.split(line)
    except ValueError:
        return Opening(line, direction, 'any', (0, 65535), None)
    options = {
        _LONG.get(name, name): words[number + 1] for number, name in enumerate(words[:-1]) if name.startswith('-')
    }
    protocol = _NAMES.get(options.get('-p', 'any'), options.get('-p', 'any'))
    states = set(options.get('--ctstate', options.get('--state', 'NEW')).split(','))
    if 'lo' in (options.get('-i'), options.get('-o')) or 'NEW' not in states:
        return None
    if protocol == 'icmpv6' and options.get('--icmpv6-type', options.get('--icmp-type')) not in _SPARE_ICMPV6:
        return None
    peers = options.get('-s' if direction == 'ingress' else '-d')
    # several ports (multiport), names or a negation: say the whole line, and count it as open
    low, _colon, high = options.get('--dport', '0:65535' if protocol in _WITH_PORTS else '0').partition(':')
    clear = low.isdigit() and (high or low).isdigit() and '!' not in words
    return Opening(
        line,
        direction,
        protocol,
        (int(low), int(high or low)) if clear else (0, 65535),
        None if '!' in words else peers,
    )


def beyond(opening: Opening, family: str, admitted: traffic.Reach) -> bool:
    """Whether OPENING lets pass what the policy (ADMITTED) does not."""
    try:
        return not traffic.covers(admitted, opening.direction, family, opening.protocol, opening.span, opening.peers)
    except (ValueError, OSError):  # names, lists, masks that are no prefix
        return True
