# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/default/ufw and /etc/ufw/ufw.conf: read, and changed one value at a time, so that every other byte stays."""

from __future__ import annotations

import re
import typing as t

from ..._base.errors import Refused

DEFAULTS, CONF = '/etc/default/ufw', '/etc/ufw/ufw.conf'
_POLICIES = {'input': 'DEFAULT_INPUT_POLICY', 'output': 'DEFAULT_OUTPUT_POLICY', 'forward': 'DEFAULT_FORWARD_POLICY'}
POLICY_OF = {'ingress': 'DEFAULT_INPUT_POLICY', 'egress': 'DEFAULT_OUTPUT_POLICY'}
FILE_OF = {**dict.fromkeys(_POLICIES.values(), DEFAULTS), 'ENABLED': CONF}


class Settings(t.NamedTuple):
    """`policies` are ACCEPT, DROP or REJECT for input, output and forward; `values` everything else that is set, by name."""

    enabled: bool
    ipv6: bool
    log_level: str
    policies: t.Dict[str, str]
    values: t.Dict[str, str]


def parse(texts: t.Dict[str, str]) -> Settings:
    """The settings in TEXTS (path -> content). Raises Refused for a default policy that is none."""
    values = {
        match.group(1): match.group(2).strip('"\'')
        for path in (DEFAULTS, CONF)
        for match in re.finditer(r'(?m)^(\w+)=(.*?)\s*$', texts[path])
    }
    policies = {target: values.get(name, '').upper() for target, name in _POLICIES.items()}
    for target, name in _POLICIES.items():
        if policies[target] not in ('ACCEPT', 'DROP', 'REJECT'):
            raise Refused(
                f'{DEFAULTS}: {name} is {values.get(name)!r}, which is none; set it to ACCEPT, DROP or REJECT'
            )
    level = values.get('LOGLEVEL', 'low').lower()
    return Settings(
        values.get('ENABLED', '').lower() == 'yes',
        values.get('IPV6', '').lower() == 'yes',
        level if level in ('off', 'low', 'medium', 'high', 'full') else 'low',
        policies,
        values,
    )


def value(text: str, name: str) -> t.Optional[str]:
    """What stands behind the last "NAME=" in TEXT, which is the one that counts, quotes included."""
    found = re.findall(rf'(?m)^{name}=(.*)$', text)
    return found[-1] if found else None


def plain(text: t.Optional[str]) -> str:
    """A value without quotes, in capitals."""
    return (text or '').strip().strip('"\'').upper()


def change(text: str, name: str, new: t.Optional[str]) -> str:
    """TEXT with NAME set to NEW, wherever it is set; None removes its lines."""
    line = '' if new is None else f'{name}={new}\n'
    if value(text, name) is None:
        return text + ('\n' if text and not text.endswith('\n') and line else '') + line
    return re.sub(rf'(?m)^{name}=.*(\n|\Z)', lambda _match: line, text)
