# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's files as its package installs them, without comments: the basis of `rendered`, which does not read a host.

The rules are facts of ufw 0.36.2 (before.rules, before6.rules, after.rules, after6.rules, default/ufw, ufw.conf); a
test compares them with the files that Debian 12 and 13 install."""

from __future__ import annotations

import typing as t

from . import administrator_files, settings, user_rules
from .user_rules import CHAINS, PREFIXES

_DEFAULTS = {
    'IPV6': 'yes',
    'DEFAULT_INPUT_POLICY': '"DROP"',
    'DEFAULT_OUTPUT_POLICY': '"ACCEPT"',
    'DEFAULT_FORWARD_POLICY': '"DROP"',
    'DEFAULT_APPLICATION_POLICY': '"SKIP"',
    'MANAGE_BUILTINS': 'no',
    'IPT_SYSCTL': '/etc/ufw/sysctl.conf',
    'IPT_MODULES': '""',
}
_ICMP = ('destination-unreachable', 'time-exceeded', 'parameter-problem', 'echo-request')
# type of ICMPv6 -> further conditions, for what a host receives and sends (RFC 4890, section 4.4)
_ERRORS = dict.fromkeys(
    ('destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem', 'echo-request'), ''
)
_NEIGHBOUR = ' -m hl --hl-eq 255'
_LINK, _ROUTER = ' -s fe80::/10', ' -s fe80::/10 -m hl --hl-eq 1'
_DISCOVERY_IN = (
    'router-solicitation',
    'router-advertisement',
    'neighbor-solicitation',
    'neighbor-advertisement',
    '141',
    '142',
)
_DISCOVERY_OUT = (
    'router-solicitation',
    'neighbor-advertisement',
    'neighbor-solicitation',
    'router-advertisement',
    '141',
    '142',
)
_GROUPS = {
    **dict.fromkeys(('130', '131', '132', '143'), _LINK),
    **dict.fromkeys(('148', '149'), _NEIGHBOUR),
    **dict.fromkeys(('151', '152', '153'), _ROUTER),
}
_MOBILE = ('144', '145', '146', '147')
_QUIET = {'ipv4': '67 68', 'ipv6': '546 547'}


def texts() -> t.Dict[str, str]:
    """Path -> text of every file that ufw reads."""
    return {
        settings.DEFAULTS: ''.join(f'{name}={value}\n' for name, value in _DEFAULTS.items()),
        settings.CONF: 'ENABLED=no\nLOGLEVEL=low\n',
        administrator_files.BEFORE['ipv4']: _file('ipv4', 'before', [':ufw-not-local - [0:0]', *_before4()]),
        administrator_files.BEFORE['ipv6']: _file('ipv6', 'before', list(_before6())),
        **{administrator_files.AFTER[family]: _file(family, 'after', list(_after(family))) for family in PREFIXES},
        **dict.fromkeys(user_rules.PATHS.values(), ''),
    }


def _file(family: str, step: str, rules: t.List[str]) -> str:
    return '\n'.join(
        ['*filter', *(f':{PREFIXES[family]}-{step}-{target} - [0:0]' for target in CHAINS), *rules, 'COMMIT', '']
    )


def _loopback_and_answers(prefix: str, between: t.Iterable[str] = ()) -> t.Iterator[str]:
    yield f'-A {prefix}-before-input -i lo -j ACCEPT'
    yield f'-A {prefix}-before-output -o lo -j ACCEPT'
    yield from between
    yield from (
        f'-A {prefix}-before-{target} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'
        for target in ('input', 'output', 'forward')
    )


def _invalid(prefix: str) -> t.Iterator[str]:
    yield from (
        f'-A {prefix}-before-input -m conntrack --ctstate INVALID -j {target}'
        for target in (f'{prefix}-logging-deny', 'DROP')
    )


def _before4() -> t.Iterator[str]:
    yield from _loopback_and_answers('ufw')
    yield from _invalid('ufw')
    for chain in ('input', 'forward'):
        yield from (f'-A ufw-before-{chain} -p icmp --icmp-type {kind} -j ACCEPT' for kind in _ICMP)
    yield '-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT'
    yield '-A ufw-before-input -j ufw-not-local'
    yield from (
        f'-A ufw-not-local -m addrtype --dst-type {kind} -j RETURN' for kind in ('LOCAL', 'MULTICAST', 'BROADCAST')
    )
    yield '-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny'
    yield '-A ufw-not-local -j DROP'
    yield '-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT'
    yield '-A ufw-before-input -p udp -d 239.255.255.250 --dport 1900 -j ACCEPT'


def _before6() -> t.Iterator[str]:
    headers = [f'-A ufw6-before-{chain} -m rt --rt-type 0 -j DROP' for chain in ('input', 'forward', 'output')]
    yield from _loopback_and_answers('ufw6', headers)
    yield _icmp6('input', 'echo-reply')
    yield from _invalid('ufw6')
    for chain, errors, discovery in (
        ('input', _ERRORS, _DISCOVERY_IN),
        ('output', {**_ERRORS, 'echo-reply': ''}, _DISCOVERY_OUT),
    ):
        kinds = {**errors, **dict.fromkeys(discovery, _NEIGHBOUR), **_GROUPS}
        yield from (_icmp6(chain, kind, condition) for kind, condition in kinds.items())
    yield from (_icmp6('forward', kind) for kind in (*_ERRORS, 'echo-reply'))
    yield from (_icmp6('input', kind) for kind in _MOBILE)
    yield '-A ufw6-before-input -p udp -s fe80::/10 --sport 547 -d fe80::/10 --dport 546 -j ACCEPT'
    yield '-A ufw6-before-input -p udp -d ff02::fb --dport 5353 -j ACCEPT'
    yield '-A ufw6-before-input -p udp -d ff02::f --dport 1900 -j ACCEPT'


def _icmp6(chain: str, kind: str, condition: str = '') -> str:
    return f'-A ufw6-before-{chain} -p icmpv6 --icmpv6-type {kind}{condition} -j ACCEPT'


def _after(family: str) -> t.Iterator[str]:
    chain, quiet = f'{PREFIXES[family]}-after-input', f'-j {PREFIXES[family]}-skip-to-policy-input'
    yield from (f'-A {chain} -p udp --dport {port} {quiet}' for port in (137, 138))
    yield from (f'-A {chain} -p tcp --dport {port} {quiet}' for port in (139, 445))
    yield from (f'-A {chain} -p udp --dport {port} {quiet}' for port in _QUIET[family].split())
    if family == 'ipv4':
        yield f'-A {chain} -m addrtype --dst-type BROADCAST {quiet}'
