# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values the options in a condition can have, as far as the condition can tell them apart."""

from __future__ import annotations

import itertools
import math
import typing as t

from .options import PLATFORM, PLATFORMS, Options

Node = t.Mapping[str, t.Any]  # a parsed JMESPath expression: `type`, `children`, sometimes `value`
_ORDERING = ('lt', 'lte', 'gt', 'gte')
_PLATFORM_OPTION = {'type': 'choice', 'choices': list(PLATFORMS), 'default': PLATFORMS[0]}
_TYPES = {
    'bool': (bool, '`true` or `false`'),
    'port': (int, 'a number in `backticks`'),
    'int': (int, 'a number in `backticks`'),
    'list': (list, 'a list in `backticks`'),
    'choice': (str, "a text in 'single quotes'"),
}


def fields(node: Node) -> set[str]:
    """The names that a parsed expression refers to."""
    own = {node['value']} if node['type'] == 'field' else set()
    return own.union(*(fields(child) for child in _children(node)))


def wrong_literals(node: Node, options: Options) -> t.Iterator[str]:
    """What is wrong with the values that a parsed expression compares options with."""
    known = {**options, PLATFORM: _PLATFORM_OPTION}
    children = list(_children(node))
    is_contains = node['type'] == 'function_expression' and node['value'] == 'contains'
    if (node['type'] == 'comparator' or is_contains) and len(children) == 2:
        for field, other in (children, children[::-1]):
            if field['type'] == 'field' and other['type'] == 'literal':
                values = _compared(node, field is children[0], known[field['value']], other['value'])
                yield from (_wrong(field['value'], known[field['value']], value, node) for value in values)
    for child in children:
        yield from wrong_literals(child, options)


class Domains:
    """The values of the OPTIONS of a catalog, and of the platform, that the expression NODE can tell apart."""

    def __init__(self, node: Node, options: Options) -> None:
        self._options = {**options, PLATFORM: _PLATFORM_OPTION}
        self._literals = list(_literals(node))

    def combinations(self, names: t.Iterable[str]) -> int:
        return math.prod(len(self._values(name)) for name in names)

    def scopes(self, names: list[str]) -> t.Iterator[dict[str, t.Any]]:
        """Every combination of the values of NAMES, with defaults for the others; the defaults come first."""
        defaults = {name: option['default'] for name, option in self._options.items()}
        for values in itertools.product(*map(self._values, names)):
            yield {**defaults, **dict(zip(names, values))}

    def _values(self, name: str) -> list[t.Any]:
        """The default first."""
        option = self._options[name]
        values: list[t.Any] = [option['default']]
        if option['type'] == 'bool':
            values += [False, True]
        elif option['type'] == 'choice':
            values += option['choices']
        elif option['type'] == 'list':
            values += self._subsets(option['choices'])
        else:
            values += self._numbers(option['type'])
        return [value for number, value in enumerate(values) if value not in values[:number]]

    def _subsets(self, choices: list[str] | None) -> t.Iterator[list[str]]:
        named = sorted({text for text in self._literals if isinstance(text, str) and text in (choices or [text])})
        others = [text for text in choices or ['another'] if text not in named]
        elements = sorted([*named, *others[:1]])
        # more than that are more combinations than are checked
        for size in range(min(len(elements), 13) + 1):
            yield from map(list, itertools.combinations(elements, size))

    def _numbers(self, kind: str) -> t.Iterator[int]:
        named = {number for number in self._literals if isinstance(number, int) and not isinstance(number, bool)}
        named.update(option['default'] for option in self._options.values() if option['type'] in ('port', 'int'))
        low, high = (1, 65535) if kind == 'port' else (-math.inf, math.inf)
        near = sorted(
            {number + step for number in named for step in (-1, 0, 1)} | ({1, 65535} if kind == 'port' else {0})
        )
        yield from (number for number in near if low <= number <= high)


def _children(node: Node) -> t.Iterator[Node]:
    yield from (child for child in node['children'] if isinstance(child, dict))


def _literals(node: Node) -> t.Iterator[t.Any]:
    if node['type'] == 'literal':
        yield from node['value'] if isinstance(node['value'], list) else [node['value']]
    for child in _children(node):
        yield from _literals(child)


def _compared(node: Node, field_is_first: bool, option: dict[str, t.Any], literal: t.Any) -> list[t.Any]:
    """Those of the values in LITERAL that the option, compared with it by NODE, can never have."""
    expected = _TYPES[option['type']][0]
    if node['type'] == 'function_expression':
        # contains(option, 'value') asks for a member, contains(`["a", "b"]`, option) for one of several values
        if field_is_first:
            members, is_list = [literal], option['type'] == 'list'
        else:
            members, is_list = (literal if isinstance(literal, list) else []), True
        choices = option['choices'] if is_list else None
        return [value for value in members if not isinstance(value, str) or choices and value not in choices]
    if node['value'] in _ORDERING and expected is not int:
        return [literal]
    is_of_type = isinstance(literal, expected) and (expected is not int or not isinstance(literal, bool))
    if not is_of_type:
        return [literal]
    members = literal if isinstance(literal, list) else [literal]
    return [value for value in members if option['choices'] and value not in option['choices']]


def _wrong(name: str, option: dict[str, t.Any], value: t.Any, node: Node) -> str:
    if node['value'] in _ORDERING and _TYPES[option['type']][0] is not int:
        return f'{name} is of type {option["type"]} and has no order; compare it with == or !='
    if option['type'] == 'list' and node['type'] == 'comparator' and isinstance(value, str):
        return f"{name} is a list; write contains({name}, {value!r})"
    if option['choices']:
        return f'{value!r} is no value of {name}; choose from {", ".join(option["choices"])}'
    return f'{value!r} is no value of {name}, which is of type {option["type"]}; write {_TYPES[option["type"]][1]}'
