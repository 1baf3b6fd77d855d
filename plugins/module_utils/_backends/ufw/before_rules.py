# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""before.rules and after.rules: the files of ufw that belong to the administrator.

They contain two things managed by portmatrix, both marked and removed again without a trace: a section at the end of
before.rules, with the rules that tuples cannot express and the rows of the vendor's document; and, with
portmatrix_exclusive, lines that are switched off ("# portmatrix off: LINE").
"""

from __future__ import annotations

import re
import shlex
import typing as t

from ..._base.errors import Refused
from ..._model import protocols, traffic
from ..._model.directions import EGRESS, INGRESS
from ..._model.peers import ANY, Peer
from .ruleset import Ruleset

BEFORE = {'ipv4': '/etc/ufw/before.rules', 'ipv6': '/etc/ufw/before6.rules'}
AFTER = {'ipv4': '/etc/ufw/after.rules', 'ipv6': '/etc/ufw/after6.rules'}
BEGIN, END = '# portmatrix begin', '# portmatrix end'
_OFF = '# portmatrix off: '
_SECTION = re.compile(rf'(?ms)^{BEGIN}\b.*?^{END}\n?')
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


class Opening(t.NamedTuple):
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


def unmanaged(text: str) -> str:
    """TEXT without anything managed by portmatrix: what the administrator wrote."""
    return re.sub(rf'(?m)^{_OFF}', '', _SECTION.sub('', text))


def section(text: str) -> str:
    """The managed section of TEXT, "" if it has none."""
    match = _SECTION.search(text)
    return match.group() if match else ''


def render_section(lines: t.Iterable[str]) -> str:
    """The managed section with these LINES: a table of its own, which ufw loads after the administrator's."""
    begin = f'{BEGIN} (written by portmatrix.firewall; changes are lost)'
    return '\n'.join([begin, '*filter', *lines, 'COMMIT', END, ''])


def compose(text: str, own_section: str, closing: t.Container[str]) -> str:
    """The administrator's TEXT with the lines CLOSING switched off and OWN_SECTION at the end."""
    lines = unmanaged(text).splitlines(keepends=True)
    body = ''.join(f'{_OFF}{line}' if line.strip() in closing else line for line in lines)
    return body + ('\n' if own_section and body and not body.endswith('\n') else '') + own_section


def tables(path: str, text: str) -> t.Iterator[t.Tuple[str, t.List[str]]]:
    """(table, lines) of every table in the TEXT of PATH. Raises Refused for lines outside of a table, and for a table
    without its COMMIT."""
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
                    f'{path}, line {number}: {line!r} is outside of a table, so iptables-restore would not load it; '
                    'move it between "*filter" and "COMMIT"'
                )
            lines.append(line)
    if table:
        raise Refused(
            f'{path}: the table {table} has no "COMMIT" at its end, so iptables-restore would not load it; add the line'
        )


def filter_lines(path: str, text: str) -> t.List[str]:
    """The lines of the table filter in the TEXT of PATH. Raises Refused as `tables` does."""
    return [line for table, lines in tables(path, text) if table == 'filter' for line in lines]


def declared_chains(path: str, text: str) -> t.Set[str]:
    """The chains of the table filter that TEXT declares."""
    return {line[1:].split()[0] for line in filter_lines(path, text) if line.startswith(':')}


def openings(path: str, text: str) -> t.Iterator[Opening]:
    """What TEXT (of before.rules or after.rules) allows besides loopback, replies and what IPv6 cannot do without."""
    lines = filter_lines(path, unmanaged(text))
    # chains of the administrator's own that accept anything
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
    direction = INGRESS if chain.group(1).lower() == 'input' else EGRESS
    try:
        words = shlex.split(line)
    except ValueError:
        return Opening(line, direction, 'any', traffic.ALL_PORTS, ANY)
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
    return Opening(
        line, direction, protocol, _ports(protocol, options, is_negated), ANY if is_negated or peer is None else peer
    )


def _ports(protocol: str, options: t.Dict[str, str], is_negated: bool) -> traffic.Ports:
    """The ports that a line allows. Several ports (multiport), names and a negation count as all of them."""
    default = '0:65535' if protocol in protocols.WITH_PORTS else '0'
    low, _colon, high = options.get('--dport', default).partition(':')
    if low.isdigit() and (high or low).isdigit() and not is_negated:
        return int(low), int(high or low)
    return traffic.ALL_PORTS


def exceeds(opening: Opening, family: str, ruleset: Ruleset) -> bool:
    """Whether OPENING allows more than RULESET does."""
    if opening.direction not in ruleset.directions:
        return False
    try:
        return not traffic.allows(
            ruleset.allowed, opening.direction, family, opening.protocol, opening.ports, opening.peer
        )
    except (ValueError, OSError):  # names, lists, masks that are not prefixes
        return True
