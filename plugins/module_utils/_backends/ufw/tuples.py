# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rule of ufw, as its files contain it: a "tuple" comment, which ufw reads, and the iptables lines derived from it.

### tuple ### ACTION PROTOCOL DPORT DST SPORT SRC [DAPP SAPP] TAIL[ comment=HEX]
ACTION  ["route:"] allow|deny|reject|limit ["_log"|"_log-all"]
TAIL    in | out | in_IF | out_IF | in_IF!out_IF
"""

from __future__ import annotations

import binascii
import re
import typing as t

from ..._model import traffic
from ..._model.directions import EGRESS, INGRESS

ANYWHERE = {'ipv4': '0.0.0.0/0', 'ipv6': '::/0'}
MARK = '### tuple ###'
_ACTIONS = {'allow': 'ACCEPT', 'deny': 'DROP', 'reject': 'REJECT', 'limit': 'LIMIT'}
_LOG_WORDS = {'allow': 'ALLOW', 'limit': 'LIMIT'}
_LIMIT = '-m limit --limit 3/min --limit-burst 10'
_PORTS = re.compile(r'any|\d+(:\d+)?(,\d+(:\d+)?)*')
_TAIL = re.compile(r'(in|out)|in_[^!\s]+!out_[^!\s]+|(in|out)_[^!\s]+')


class Tuple(t.NamedTuple):
    """One rule. `dport` and `sport` are "any" or "22,80:90"; `dapp` and `sapp` names of application profiles or "";
    `comment` is hexadecimal UTF-8."""

    action: str
    protocol: str
    dport: str
    dst: str
    sport: str
    src: str
    tail: str = 'in'
    route: bool = False
    log: str = ''
    dapp: str = ''
    sapp: str = ''
    comment: str = ''

    @property
    def direction(self) -> str:
        return EGRESS if self.tail == 'out' or self.tail.startswith('out_') else INGRESS

    @property
    def peer(self) -> str:
        """The address of the other host: the source of what comes in, the destination of what goes out."""
        return self.src if self.direction == INGRESS else self.dst

    @property
    def allows(self) -> bool:
        return self.action in ('allow', 'limit')

    @property
    def denies(self) -> bool:
        return self.action in ('deny', 'reject')

    @property
    def interfaces(self) -> t.Tuple[str, str]:
        """(incoming, outgoing), "" for any."""
        parts = dict(part.split('_', 1) for part in self.tail.split('!') if '_' in part)
        return parts.get('in', ''), parts.get('out', '')

    @property
    def key(self) -> t.Tuple[t.Union[str, bool], ...]:
        """What makes two rules the same rule for ufw: everything but action, log and comment."""
        return self.protocol, self.dport, self.dst, self.sport, self.src, self.tail, self.route, self.dapp, self.sapp

    def note(self) -> str:
        """The comment as text."""
        return binascii.unhexlify(self.comment).decode('utf-8', 'replace')

    def text(self) -> str:
        """The line that ufw reads."""
        action = f'{"route:" if self.route else ""}{self.action}{"_" + self.log if self.log else ""}'
        apps = [name.replace(' ', '%20') or '-' for name in (self.dapp, self.sapp)] if self.dapp or self.sapp else []
        words = [MARK, action, self.protocol, self.dport, self.dst, self.sport, self.src, *apps, self.tail]
        return ' '.join([*words, f'comment={self.comment}'] if self.comment else words)

    def as_command(self) -> str:
        """The rule as the arguments of the command ufw."""
        ends = [
            f'{word} {"any" if is_anywhere(address) else address}{"" if port == "any" else f" port {port}"}'
            for word, address, port in (('from', self.src, self.sport), ('to', self.dst, self.dport))
            if port != 'any' or not is_anywhere(address)
        ]
        protocol = f' proto {self.protocol}' if self.protocol != 'any' else ''
        apps = ''.join(f" app '{name}'" for name in (self.dapp, self.sapp) if name)
        return (
            f'{"route " if self.route else ""}{self.action} {self.tail}{protocol} {" ".join(ends) or "from any"}{apps}'
        )

    def lines(self, prefix: str) -> t.List[str]:
        """The lines of iptables that ufw writes for it; PREFIX is "ufw" or "ufw6"."""
        suffix = 'forward' if self.route else 'output' if self.direction == EGRESS else 'input'
        chain, logging = f'{prefix}-user-{suffix}', f'{prefix}-user-logging-{suffix}'
        lines: t.List[str] = []
        for match, reset in self._matches():
            if self.log:
                new_only = '' if self.log == 'log-all' else '-m conntrack --ctstate NEW '
                word = _LOG_WORDS.get(self.action, 'BLOCK')
                lines.append(f'-A {logging}{match} {new_only}{_LIMIT} -j LOG --log-prefix "[UFW {word}] "')
                lines.append(f'-A {logging}{match} -j RETURN')
                lines.append(f'-A {chain}{match} -j {logging}')
            lines.extend(f'-A {chain}{match}{target}{reset}{self._profiles()}' for target in self._targets(prefix))
        return lines

    def _targets(self, prefix: str) -> t.Tuple[str, ...]:
        if self.action != 'limit':
            return (f' -j {_ACTIONS[self.action]}',)
        recent = ' -m conntrack --ctstate NEW -m recent'
        update = f'{recent} --update --seconds 30 --hitcount 6 -j {prefix}-user-limit'
        return f'{recent} --set', update, f' -j {prefix}-user-limit-accept'

    def _matches(self) -> t.Iterator[t.Tuple[str, str]]:
        """(options that match, option of REJECT) of each line that this rule needs."""
        incoming, outgoing = self.interfaces
        head = (f' -i {incoming}' if incoming else '') + (f' -o {outgoing}' if outgoing else '')
        has_ports = self.dport != 'any' or self.sport != 'any'
        for protocol in ('tcp', 'udp') if self.protocol == 'any' and has_ports else (self.protocol,):
            reset = ' --reject-with tcp-reset' if self.action == 'reject' and protocol == 'tcp' else ''
            yield f'{head}{"" if protocol == "any" else f" -p {protocol}"}{self._addresses_and_ports()}', reset

    def _addresses_and_ports(self) -> str:
        several = any(mark in port for port in (self.dport, self.sport) for mark in ',:')
        sides = (('-d', self.dst, '--dport', self.dport), ('-s', self.src, '--sport', self.sport))
        text = ''.join(
            f' -m multiport {option}s {port}' for _side, _address, option, port in sides if several and port != 'any'
        )
        for side, address, option, port in sides:
            text += '' if is_anywhere(address) else f' {side} {address}'
            text += f' {option} {port}' if port != 'any' and not several else ''
        return text

    def _profiles(self) -> str:
        profiles = (('dapp', self.dapp), ('sapp', self.sapp))
        names = [f'{kind}_{name.replace(" ", "%20")}' for kind, name in profiles if name]
        return f" -m comment --comment '{','.join(names)}'" if names else ''


def parse(line: str) -> Tuple:
    """The rule in a tuple LINE. Raises ValueError for what ufw would skip as malformed."""
    text, _space, comment_text = line.partition(' comment=')
    words = text[len(MARK) :].split()
    if len(words) not in (6, 7, 8, 9):
        raise ValueError('must have 6 to 9 fields')
    route, action = words[0].startswith('route:'), words[0].rpartition(':')[2].lower()
    action, _underscore, log = action.partition('_')
    tail = words[-1] if len(words) in (7, 9) else 'in'
    apps = ['' if name == '-' else name.replace('%20', ' ') for name in words[6:8]] if len(words) > 7 else ['', '']
    protocol, dport, dst, sport, src = words[1:6]
    rule = Tuple(action, protocol, dport, dst, sport, src, tail, route, log, apps[0], apps[1], comment_text.strip())
    if action not in _ACTIONS or log not in ('', 'log', 'log-all') or not _TAIL.fullmatch(tail):
        raise ValueError('unknown action or direction')
    if not all(app or _PORTS.fullmatch(port) for app, port in ((rule.dapp, rule.dport), (rule.sapp, rule.sport))):
        raise ValueError('invalid ports')
    rule.note()
    return rule


def is_anywhere(address: str) -> bool:
    return address in ANYWHERE.values()


def comment(text: str) -> str:
    """TEXT as ufw stores it."""
    return binascii.hexlify(text.encode()).decode('ascii')


def parse_ports(ports: str) -> t.List[traffic.Ports]:
    """ "22,80:90" as (first, last) pairs."""
    parts = (part.partition(':') for part in ports.split(','))
    return [(int(low), int(high or low)) for low, _colon, high in parts]


def may_overlap(one: Tuple, other: Tuple) -> bool:
    """Whether a connection may match both rules (interfaces are ignored; a mask that is not a prefix may match all)."""
    same_protocol = 'any' in (one.protocol, other.protocol) or one.protocol == other.protocol
    if one.direction != other.direction or not same_protocol:
        return False
    try:
        if not _addresses_overlap(one.src, other.src) or not _addresses_overlap(one.dst, other.dst):
            return False
    except (ValueError, OSError):
        pass
    return _ports_overlap(one.dport, other.dport) and _ports_overlap(one.sport, other.sport)


def _addresses_overlap(one: str, other: str) -> bool:
    return traffic.overlap(traffic.interval(one), traffic.interval(other))


def _ports_overlap(one: str, other: str) -> bool:
    if 'any' in (one, other):
        return True
    return any(traffic.overlap(low, high) for low in parse_ports(one) for high in parse_ports(other))
