# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions and options of a product: what may stand in a catalog, and the values that an inventory gives."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...module_utils._base.errors import PortmatrixError
from .._base.libraries import jmespath

PLATFORMS = ('linux', 'windows')
PLATFORM = 'platform'
_ANSIBLE_TYPES = {'bool': 'bool', 'port': 'int', 'int': 'int', 'list': 'list', 'choice': 'str'}


def check(expression: str, options: dict[str, dict[str, t.Any]], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a condition: syntax, a name that is no option, a value that is not true or false."""
    try:
        compiled = jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        problems.append(f'{where}: {expression!r} is no JMESPath expression ({" ".join(str(error).split())})')
        return
    unknown = sorted(_fields(compiled.parsed) - set(options) - {PLATFORM})
    if unknown:
        problems.append(
            f'{where}: unknown option {", ".join(map(repr, unknown))}; known are {", ".join([*options, PLATFORM])}'
        )
        return
    defaults = {name: option['default'] for name, option in options.items()}
    for platform in PLATFORMS:
        try:
            value = compiled.search({**defaults, PLATFORM: platform})
        except jmespath.exceptions.JMESPathError as error:
            problems.append(f'{where}: {expression!r} cannot be evaluated ({" ".join(str(error).split())})')
            return
        if not isinstance(value, bool):
            problems.append(
                f'{where}: {expression!r} gives {value!r}; a condition gives true or false, compare the value with something'
            )
            return


def _fields(node: t.Mapping[str, t.Any]) -> set[str]:
    own = {node['value']} if node['type'] == 'field' else set()
    return own.union(*(_fields(child) for child in node['children'] if isinstance(child, dict)))


def check_options(options: dict[str, dict[str, t.Any]], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a catalog's options; coerce each default to its type."""
    for name, option in options.items():
        if name == PLATFORM:
            problems.append(
                f'{where}: options.{name}: this name is the platform of the listener in conditions; take another'
            )
        if option['type'] == 'choice' and not option['choices']:
            problems.append(f'{where}: options.{name}: choices: missing; an option of type choice lists them')
        try:
            option['default'] = option_values({name: option}, {}, f'{where}: options.', ': default')[name]
        except PortmatrixError as error:
            problems.extend(error.problems)


def option_values(
    options: dict[str, dict[str, t.Any]], given: dict[str, t.Any], prefix: str, suffix: str = ''
) -> dict[str, t.Any]:
    """Values of all OPTIONS: GIVEN ones coerced to their types, defaults for the rest.

    PREFIX, the option's name and SUFFIX name the place of one option in an error. Raises PortmatrixError for every value of a wrong type at once.
    """
    problems: list[str] = []
    values: dict[str, t.Any] = {}
    for name, option in options.items():
        spec = {'type': _ANSIBLE_TYPES[option['type']], 'default': option['default']}
        if option['type'] == 'list':
            spec['elements'] = 'str'
        if option['choices']:
            spec['choices'] = option['choices']
        result = ArgumentSpecValidator({name: spec}).validate({name: given[name]} if name in given else {})
        values[name] = result.validated_parameters[name]
        if result.error_messages or (option['type'] in ('port', 'int') and isinstance(given.get(name), bool)):
            problems.append(f'{prefix}{name}{suffix}: {given.get(name, option["default"])!r} is no {_wanted(option)}')
        elif option['type'] == 'port' and not 1 <= values[name] <= 65535:
            problems.append(f'{prefix}{name}{suffix}: {values[name]} is no port; give a number from 1 to 65535')
        elif option['type'] == 'list':
            values[name] = sorted(set(values[name]))
    if problems:
        raise PortmatrixError(*problems)
    return values


def _wanted(option: dict[str, t.Any]) -> str:
    wanted = {
        'bool': 'truth value (true or false)',
        'port': 'port (a number from 1 to 65535)',
        'int': 'whole number',
        'list': 'list of texts',
        'choice': 'choice',
    }[option['type']]
    return f'{wanted}; choose from {", ".join(option["choices"])}' if option['choices'] else wanted
