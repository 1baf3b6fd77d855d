# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""user.rules and user6.rules, byte for byte as ufw 0.36 writes them."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from . import tuples
from .settings import Settings
from .tuples import Tuple

PREFIXES = {'ipv4': 'ufw', 'ipv6': 'ufw6'}
PATHS = {'ipv4': '/etc/ufw/user.rules', 'ipv6': '/etc/ufw/user6.rules'}
TARGETS = ('input', 'output', 'forward')
_LEVELS = {'off': 0, 'low': 1, 'medium': 2, 'high': 3, 'full': 4}
_LIMIT = ' -m limit --limit 3/min --limit-burst 10'


class UserRules(t.NamedTuple):
    """The rules of one file. `limits`: whether ufw found the kernel able to limit rates (None: the file does not say)."""

    tuples: t.Tuple[Tuple, ...]
    limits: t.Optional[bool]


def parse(path: str, text: str) -> UserRules:
    """What is in the TEXT of PATH. Raises Refused for lines that ufw itself would lose with its next change."""
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(tuples.MARK):
            try:
                found.append(tuples.parse(line))
            except ValueError as error:
                problems.append(
                    f'{path}, line {number}: {line!r} is no rule of ufw: {error}; correct it or delete the line'
                )
    prefix = 'ufw6' if '6' in path.rpartition('/')[2] else 'ufw'
    derived = {line for rule in found for line in rule.lines(prefix)}
    for number, line in enumerate(text.splitlines(), 1):
        by_hand = line.startswith(tuple(f'-A {prefix}-user-{target} ' for target in TARGETS)) and line not in derived
        if by_hand:
            problems.append(
                f'{path}, line {number}: {line!r} belongs to no tuple, so ufw would lose it with its next change; say it with the command ufw, '
                'or move it to before.rules'
            )
    if problems:
        raise Refused(*problems)
    written = '### RATE LIMITING ###' in text or '### LOGGING ###' in text
    return UserRules(tuple(found), f':{prefix}-user-limit ' in text if written else None)


def render(family: str, rules: t.Iterable[Tuple], settings: Settings, limits: bool) -> str:
    """The file that holds RULES."""
    prefix = PREFIXES[family]
    chains = [
        *(f'{prefix}-user-{target}' for target in TARGETS),
        *(f'{prefix}-{place}-logging-{target}' for place in ('before', 'user', 'after') for target in TARGETS),
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
        lines.extend(
            (
                f'-A {prefix}-user-limit -j REJECT',
                f'-A {prefix}-user-limit-accept -j ACCEPT',
                '### END RATE LIMITING ###',
            )
        )
    return '\n'.join([*lines, 'COMMIT', ''])


def _logging(prefix: str, settings: Settings) -> t.Iterator[str]:
    level = _LEVELS[settings.log_level]
    if level == 0:
        yield from (f'-I {prefix}-user-logging-{target} -j RETURN' for target in TARGETS)
        return
    rate = _LIMIT if level < _LEVELS['high'] else ''
    for target in TARGETS:
        denied = settings.policies[target] in ('DROP', 'REJECT')
        if denied or level >= _LEVELS['medium']:
            yield f'-A {prefix}-after-logging-{target} -j LOG --log-prefix "[UFW {"BLOCK" if denied else "ALLOW"}] "{rate}'
    if level < _LEVELS['medium']:
        yield f'-I {prefix}-logging-deny -m conntrack --ctstate INVALID -j RETURN{rate}'
    else:
        yield f'-A {prefix}-logging-deny -m conntrack --ctstate INVALID -j LOG --log-prefix "[UFW AUDIT INVALID] "{rate}'
    yield f'-A {prefix}-logging-deny -j LOG --log-prefix "[UFW BLOCK] "{rate}'
    yield f'-A {prefix}-logging-allow -j LOG --log-prefix "[UFW ALLOW] "{rate}'
    if level >= _LEVELS['medium']:
        news = ' -m conntrack --ctstate NEW' if level == _LEVELS['medium'] else ''
        for target in TARGETS:
            yield f'-I {prefix}-before-logging-{target} -j LOG --log-prefix "[UFW AUDIT] "{news}{_LIMIT if level < _LEVELS["full"] else ""}'
