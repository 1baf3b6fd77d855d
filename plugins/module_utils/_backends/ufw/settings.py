# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/default/ufw and /etc/ufw/ufw.conf: parsed, and changed one value at a time, so that every other byte stays."""

from __future__ import annotations

import re
import typing as t

from ..._base.errors import Refused
from ..._model.directions import EGRESS, INGRESS

DEFAULTS, CONF = '/etc/default/ufw', '/etc/ufw/ufw.conf'
VERDICTS = ('ACCEPT', 'DROP', 'REJECT')
# The chain that filters a direction, as ufw and iptables name it.
CHAINS = {INGRESS: 'input', EGRESS: 'output'}
POLICY_NAMES = {'input': 'DEFAULT_INPUT_POLICY', 'output': 'DEFAULT_OUTPUT_POLICY', 'forward': 'DEFAULT_FORWARD_POLICY'}
POLICY_OF = {direction: POLICY_NAMES[chain] for direction, chain in CHAINS.items()}
FILE_OF = {**dict.fromkeys(POLICY_NAMES.values(), DEFAULTS), 'ENABLED': CONF}
_LOG_LEVELS = ('off', 'low', 'medium', 'high', 'full')


class Settings(t.NamedTuple):
    """`policies`: ACCEPT, DROP or REJECT for input, output and forward; `values`: every setting by name."""

    enabled: bool
    ipv6: bool
    log_level: str
    policies: t.Dict[str, str]
    values: t.Dict[str, str]


def parse(texts: t.Dict[str, str]) -> Settings:
    """The settings in TEXTS (path -> content). Raises Refused for an invalid default policy."""
    values = {**_values(texts[DEFAULTS]), **_values(texts[CONF])}
    policies = {chain: values.get(name, '').upper() for chain, name in POLICY_NAMES.items()}
    for chain, name in POLICY_NAMES.items():
        if policies[chain] not in VERDICTS:
            raise Refused(f'{DEFAULTS}: {name}: must be ACCEPT, DROP or REJECT, got {values.get(name)!r}')
    level = values.get('LOGLEVEL', 'low').lower()
    return Settings(
        _is_yes(values, 'ENABLED'), _is_yes(values, 'IPV6'), level if level in _LOG_LEVELS else 'low', policies, values
    )


def is_enabled(conf: str) -> bool:
    """Whether CONF, the text of ufw.conf, switches ufw on."""
    return _is_yes(_values(conf), 'ENABLED')


def value(text: str, name: str) -> t.Optional[str]:
    """What follows the last "NAME=" in TEXT, which is the one in effect, quotes included."""
    occurrences = re.findall(rf'(?m)^{name}=(.*)$', text)
    return occurrences[-1] if occurrences else None


def normalised(text: t.Optional[str]) -> str:
    """A value without quotes, in upper case."""
    return (text or '').strip().strip('"\'').upper()


def change(text: str, name: str, new: t.Optional[str]) -> str:
    """TEXT with NAME set to NEW in every place; None removes its lines."""
    line = '' if new is None else f'{name}={new}\n'
    if value(text, name) is None:
        return text + ('\n' if text and not text.endswith('\n') and line else '') + line
    return re.sub(rf'(?m)^{name}=.*(\n|\Z)', lambda _match: line, text)


def _values(text: str) -> t.Dict[str, str]:
    """NAME -> value without quotes, as ufw itself reads them: no blanks around the equals sign."""
    return {match.group(1): match.group(2).strip('"\'') for match in re.finditer(r'(?m)^(\w+)=(.*?)\s*$', text)}


def _is_yes(values: t.Dict[str, str], name: str) -> bool:
    return values.get(name, '').lower() == 'yes'
