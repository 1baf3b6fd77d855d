# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""user.rules and user6.rules, byte for byte as ufw 0.36 writes them."""

from __future__ import annotations

import re
import typing as t

from ..._base.errors import Refused
from . import long_lines, tuples
from .settings import Settings
from .tuples import Tuple

PREFIXES = {'ipv4': 'ufw', 'ipv6': 'ufw6'}
PATHS = {'ipv4': '/etc/ufw/user.rules', 'ipv6': '/etc/ufw/user6.rules'}
CHAINS = ('input', 'output', 'forward')
_LEVELS = {'off': 0, 'low': 1, 'medium': 2, 'high': 3, 'full': 4}
# a line that adds a rule to a chain, and the chains whose rules ufw writes itself, whatever the tuples
_RULE = re.compile(r'\s*(?:-[A-Z]|--[a-z-]+)\s+(\S+)\s')
_WRITTEN = re.compile(r'ufw6?-(?:(?:before|user|after)-logging-\w+|logging-(?:deny|allow)|user-limit(?:-accept)?)')
_LIMIT = ' -m limit --limit 3/min --limit-burst 10'


class UserRules(t.NamedTuple):
    """The rules in one file. `limits`: whether ufw detected that the kernel can limit rates (None: unknown)."""

    tuples: t.Tuple[Tuple, ...]
    limits: t.Optional[bool]


def parse(path: str, text: str) -> UserRules:
    """The rules in the TEXT of PATH. Raises Refused for lines that ufw itself would drop with its next change, and for
    those that are too long."""
    long_lines.require_none(path, text)
    rules: t.List[Tuple] = []
    problems: t.List[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(tuples.MARK):
            try:
                rules.append(tuples.parse(line))
            except ValueError as error:
                problems.append(
                    f'{path}, line {number}: {line!r} is not a valid rule of ufw: {error}; correct it or delete the '
                    'line'
                )
    prefix = 'ufw6' if '6' in path.rpartition('/')[2] else 'ufw'
    derived = {line for rule in rules for line in rule.lines(prefix)}
    for number, line in enumerate(text.splitlines(), 1):
        chain = _RULE.match(line)
        is_written = chain and (_WRITTEN.fullmatch(chain[1]) or ' '.join(line.split()) in derived)
        if chain and not is_written:
            problems.append(
                f'{path}, line {number}: {line!r} belongs to no tuple, so ufw would drop it with its next change; add '
                'it with the command ufw, or move it to before.rules'
            )
    if problems:
        raise Refused(*problems)
    was_written = '### RATE LIMITING ###' in text or '### LOGGING ###' in text
    return UserRules(tuple(rules), f':{prefix}-user-limit ' in text if was_written else None)


def render(family: str, rules: t.Iterable[Tuple], settings: Settings, limits: bool) -> str:
    """The file that contains RULES; LIMITS: whether the kernel can limit rates."""
    prefix = PREFIXES[family]
    chains = [
        *(f'{prefix}-user-{chain}' for chain in CHAINS),
        *(f'{prefix}-{place}-logging-{chain}' for place in ('before', 'user', 'after') for chain in CHAINS),
        f'{prefix}-logging-deny',
        f'{prefix}-logging-allow',
        *((f'{prefix}-user-limit', f'{prefix}-user-limit-accept') if limits else ()),
    ]
    lines = ['*filter', *(f':{chain} - [0:0]' for chain in chains), '### RULES ###']
    for rule in rules:
        lines.extend(('', rule.text(), *rule.lines(prefix)))
    lines.extend(('', '### END RULES ###', '', '### LOGGING ###', *_logging(prefix, settings), '### END LOGGING ###'))
    if limits:
        lines.extend(('', '### RATE LIMITING ###'))
        if settings.log_level != 'off':
            lines.append(f'-A {prefix}-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "')
        lines.extend((f'-A {prefix}-user-limit -j REJECT', f'-A {prefix}-user-limit-accept -j ACCEPT'))
        lines.append('### END RATE LIMITING ###')
    return '\n'.join([*lines, 'COMMIT', ''])


def _logging(prefix: str, settings: Settings) -> t.Iterator[str]:
    level = _LEVELS[settings.log_level]
    if level == _LEVELS['off']:
        yield from (f'-I {prefix}-user-logging-{chain} -j RETURN' for chain in CHAINS)
        return
    rate = _LIMIT if level < _LEVELS['high'] else ''
    for chain in CHAINS:
        denied = settings.policies[chain] in ('DROP', 'REJECT')
        if denied or level >= _LEVELS['medium']:
            log = f'-j LOG --log-prefix "[UFW {"BLOCK" if denied else "ALLOW"}] "'
            yield f'-A {prefix}-after-logging-{chain} {log}{rate}'
    if level < _LEVELS['medium']:
        yield f'-I {prefix}-logging-deny -m conntrack --ctstate INVALID -j RETURN{rate}'
    else:
        log = f'-j LOG --log-prefix "[UFW AUDIT INVALID] "{rate}'
        yield f'-A {prefix}-logging-deny -m conntrack --ctstate INVALID {log}'
    yield f'-A {prefix}-logging-deny -j LOG --log-prefix "[UFW BLOCK] "{rate}'
    yield f'-A {prefix}-logging-allow -j LOG --log-prefix "[UFW ALLOW] "{rate}'
    if level >= _LEVELS['medium']:
        yield from _audit_logging(prefix, level)


def _audit_logging(prefix: str, level: int) -> t.Iterator[str]:
    new_only = ' -m conntrack --ctstate NEW' if level == _LEVELS['medium'] else ''
    rate = _LIMIT if level < _LEVELS['full'] else ''
    for chain in CHAINS:
        yield f'-I {prefix}-before-logging-{chain} -j LOG --log-prefix "[UFW AUDIT] "{new_only}{rate}'
