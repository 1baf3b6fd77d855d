# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions and options of a product: what a catalog may contain, and the values that an inventory sets."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import validate
from .._base.libraries import jmespath

PLATFORMS = ('linux', 'windows')
PLATFORM = 'platform'
_ANSIBLE_TYPES = {'bool': 'bool', 'port': 'int', 'int': 'int', 'list': 'list', 'choice': 'str'}
_EXPECTED = {
    'bool': 'true or false',
    'port': 'a port (a number from 1 to 65535)',
    'int': 'a whole number',
    'list': 'a list of texts',
    'choice': 'a text',
}
Options = t.Mapping[str, dict[str, t.Any]]  # those of a catalog, by name


def check(expression: str, options: Options, where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a condition: its syntax, an unknown option, a value other than a
    boolean."""
    try:
        compiled = jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        problems.append(f'{where}: {expression!r} is not a valid JMESPath expression ({_one_line(error)})')
        return
    unknown = sorted(_fields(compiled.parsed) - set(options) - {PLATFORM})
    if unknown:
        names = ', '.join(map(repr, unknown))
        problems.append(f'{where}: unknown option {names}; choose from {", ".join([*options, PLATFORM])}')
        return
    defaults = {name: option['default'] for name, option in options.items()}
    for platform in PLATFORMS:
        try:
            evaluate(expression, {**defaults, PLATFORM: platform}, where)
        except PortmatrixError as error:
            problems.extend(error.problems)
            return


def evaluate(expression: str, scope: dict[str, t.Any], where: str) -> bool:
    """The value of a condition. Raises PortmatrixError if it is not a boolean, or cannot be evaluated."""
    try:
        value = jmespath.search(expression, scope)
    except jmespath.exceptions.JMESPathError as error:
        raise PortmatrixError(f'{where}: {expression!r} cannot be evaluated ({_one_line(error)})') from error
    if not isinstance(value, bool):
        raise PortmatrixError(f'{where}: {expression!r} must be true or false, got {value!r}; compare the value')
    return value


def check_options(options: dict[str, dict[str, t.Any]], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with the options of a catalog; coerce each default to its type."""
    for name, option in options.items():
        place = f'{where}: options.{name}'
        if name == PLATFORM:
            problems.append(f'{place}: in conditions this name is the platform of the listener; choose another name')
        if option['type'] == 'choice' and not option['choices']:
            problems.append(f'{place}: choices: missing; list those of this option')
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
        validated, messages = validate({name: _specification(option)}, {name: given[name]} if name in given else {})
        values[name] = validated[name]
        is_bool_number = option['type'] in ('port', 'int') and isinstance(given.get(name), bool)
        if messages or is_bool_number:
            value = given.get(name, option['default'])
            problems.append(f'{prefix}{name}{suffix}: must be {_expected(option)}, got {value!r}')
        elif option['type'] == 'port' and not 1 <= values[name] <= 65535:
            problems.append(f'{prefix}{name}{suffix}: must be {_EXPECTED["port"]}, got {values[name]}')
        elif option['type'] == 'list':
            values[name] = sorted(set(values[name]))
    if problems:
        raise PortmatrixError(*problems)
    return values


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


def _fields(node: t.Mapping[str, t.Any]) -> set[str]:
    """The names that a parsed expression refers to."""
    own = {node['value']} if node['type'] == 'field' else set()
    return own.union(*(_fields(child) for child in node['children'] if isinstance(child, dict)))


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())
