# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a product: what a catalog may declare, and the values that an inventory sets."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.policy import ports_text
from .._base import addresses
from .._base.ansible_core import validate
from . import ports

PLATFORMS = ('linux', 'windows')
PLATFORM = 'platform'
DEPLOYMENT = 'deployment'
VERSION = 'version'  # made of the `versions` of a catalog
BOTH = ('plain', 'tls', 'both')  # choices of which the last means the others together
# name -> why no option may have it
_RESERVED = {
    PLATFORM: 'in conditions this name is the platform of the listener',
    DEPLOYMENT: 'the variable with this name says to which deployments of the product a host belongs',
}
_ANSIBLE_TYPES = {'bool': 'bool', 'port': 'int', 'int': 'int', 'list': 'list', 'choice': 'str'}
_EXPECTED = {
    'bool': 'true or false',
    'port': 'a port (a number from 1 to 65535)',
    'int': 'a whole number',
    'list': 'a list of texts',
    'choice': 'a text',
    'port_range': 'a range of ports (such as 8000-8100, from 1 to 65535)',
    'ports': 'a list of ports and ranges (such as [80, 8000-8100], from 1 to 65535)',
}
# those that a document may leave open: without a default, a flow that needs one is an error
WITHOUT_DEFAULT = ('port', 'port_range', 'ports', 'networks', 'group_addresses')
_DECIMAL = re.compile(r'-?(0|[1-9][0-9]{0,17})')
Options = t.Mapping[str, dict[str, t.Any]]  # those of a catalog, by name


def check_options(options: dict[str, dict[str, t.Any]], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with the options of a catalog; coerce each default to its type."""
    for name, option in options.items():
        place = f'{where}: options.{name}'
        if name in _RESERVED:
            problems.append(f'{place}: {_RESERVED[name]}; choose another name')
        if option['default'] is None and option['type'] not in WITHOUT_DEFAULT:
            problems.append(
                f'{place}: default: missing; only options of type {", ".join(WITHOUT_DEFAULT)} can have none'
            )
            continue
        if option['type'] == 'choice' and not option['choices']:
            problems.append(f'{place}: choices: missing; list those of this option')
        elif option['choices'] and option['type'] not in ('choice', 'list'):
            problems.append(f'{place}: choices: only an option of type choice or list has them; remove them')
            continue
        try:
            option['default'] = option_values({name: option}, {}, f'{where}: options.', ': default')[name]
        except PortmatrixError as error:
            problems.extend(error.problems)


def option_values(options: Options, given: dict[str, t.Any], prefix: str, suffix: str = '') -> dict[str, t.Any]:
    """The values of all OPTIONS: GIVEN ones coerced to their types, defaults for the others, None without either.

    PREFIX, the name of an option and SUFFIX are its place in errors. Raises PortmatrixError for all wrong values.
    """
    problems: list[str] = []
    values: dict[str, t.Any] = {}
    for name, option in options.items():
        place = f'{prefix}{name}{suffix}'
        value = given.get(name, option['default'])
        try:
            read = _READERS.get(option['type'], _validated)
            values[name] = None if value is None else read(option, value, place)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return values


def _validated(option: dict[str, t.Any], value: t.Any, place: str) -> t.Any:
    """A value that ansible-core checks."""
    if option['type'] in ('port', 'int') and not _is_number(value):
        raise PortmatrixError(f'{place}: must be {_expected(option)}, got {_shown(value)}')
    validated, messages = validate({'value': _specification(option)}, {'value': value})
    if messages:
        raise PortmatrixError(f'{place}: must be {_expected(option)}, got {value!r}')
    if option['type'] == 'port' and not 1 <= validated['value'] <= ports.LAST:
        raise PortmatrixError(f'{place}: must be {_EXPECTED["port"]}, got {validated["value"]}')
    return sorted(set(validated['value'])) if option['type'] == 'list' else validated['value']


def _port_range(option: dict[str, t.Any], value: t.Any, place: str) -> str:
    span = ports.parse_range(value)
    if not span:
        raise PortmatrixError(f'{place}: must be {_expected(option)}, got {_shown(value)}')
    return ports_text(span)


def _ports(option: dict[str, t.Any], value: t.Any, place: str) -> list[str]:
    spans = [ports.parse_range(one) for one in _listed(value)]
    if None in spans:
        raise PortmatrixError(f'{place}: must be {_expected(option)}, got {_shown(value)}')
    return [ports_text(span) for span in sorted({span for span in spans if span})]


def _networks(_option: dict[str, t.Any], value: t.Any, place: str) -> list[str]:
    return addresses.merge(cidr for text in _listed(value) for cidr in addresses.parse_peer(text, place))


def _groups(_option: dict[str, t.Any], value: t.Any, place: str) -> list[str]:
    return list(dict.fromkeys(addresses.parse_group(text, place) for text in _listed(value)))


def _listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


_READERS: dict[str, t.Callable[[dict[str, t.Any], t.Any, str], t.Any]] = {
    'port_range': _port_range,
    'ports': _ports,
    'networks': _networks,
    'group_addresses': _groups,
}


def _is_number(value: t.Any) -> bool:
    """Whether VALUE is a whole number in decimal notation, without what else `int` accepts."""
    if isinstance(value, str):
        return bool(_DECIMAL.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18


def _shown(value: t.Any) -> str:
    return repr(value) if not isinstance(value, int) or abs(value) < 10**18 else 'a very large number'


def _specification(option: dict[str, t.Any]) -> dict[str, t.Any]:
    """The argument specification of an option."""
    specification = {'type': _ANSIBLE_TYPES[option['type']]}
    if option['type'] == 'list':
        specification['elements'] = 'str'
    if option['choices']:
        specification['choices'] = option['choices']
    return specification


def _expected(option: dict[str, t.Any]) -> str:
    if not option['choices']:
        return _EXPECTED[option['type']]
    choices = ', '.join(option['choices'])
    return f'a list of {choices}' if option['type'] == 'list' else f'one of {choices}'
