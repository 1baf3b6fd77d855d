# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a product: what a catalog may declare, and the values that an inventory sets."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import validate

PLATFORMS = ('linux', 'windows')
PLATFORM = 'platform'
DEPLOYMENT = 'deployment'
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
}
_DECIMAL = re.compile(r'-?(0|[1-9][0-9]{0,17})')
Options = t.Mapping[str, dict[str, t.Any]]  # those of a catalog, by name


def check_options(options: dict[str, dict[str, t.Any]], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with the options of a catalog; coerce each default to its type."""
    for name, option in options.items():
        place = f'{where}: options.{name}'
        if name in _RESERVED:
            problems.append(f'{place}: {_RESERVED[name]}; choose another name')
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
    """The values of all OPTIONS: GIVEN ones coerced to their types, defaults for the others.

    PREFIX, the name of an option and SUFFIX are its place in errors. Raises PortmatrixError for all wrong values.
    """
    problems: list[str] = []
    values: dict[str, t.Any] = {}
    for name, option in options.items():
        value = given.get(name, option['default'])
        if option['type'] in ('port', 'int') and not _is_number(value):
            problems.append(f'{prefix}{name}{suffix}: must be {_expected(option)}, got {_shown(value)}')
            continue
        validated, messages = validate({name: _specification(option)}, {name: given[name]} if name in given else {})
        values[name] = validated[name]
        if messages:
            problems.append(f'{prefix}{name}{suffix}: must be {_expected(option)}, got {value!r}')
        elif option['type'] == 'port' and not 1 <= values[name] <= 65535:
            problems.append(f'{prefix}{name}{suffix}: must be {_EXPECTED["port"]}, got {values[name]}')
        elif option['type'] == 'list':
            values[name] = sorted(set(values[name]))
    if problems:
        raise PortmatrixError(*problems)
    return values


def _is_number(value: t.Any) -> bool:
    """Whether VALUE is a whole number in decimal notation, without what else `int` accepts."""
    if isinstance(value, str):
        return bool(_DECIMAL.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18


def _shown(value: t.Any) -> str:
    return repr(value) if not isinstance(value, int) or abs(value) < 10**18 else 'a very large number'


def _specification(option: dict[str, t.Any]) -> dict[str, t.Any]:
    """The argument specification of an option."""
    specification = {'type': _ANSIBLE_TYPES[option['type']], 'default': option['default']}
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
