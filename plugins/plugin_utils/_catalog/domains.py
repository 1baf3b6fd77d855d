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
_OTHERS = ('another', 'one more', 'a third')
_ORDERING = ('lt', 'lte', 'gt', 'gte')
_PLATFORM_OPTION = {'type': 'choice', 'choices': list(PLATFORMS), 'default': PLATFORMS[0]}
_TYPES: dict[str, tuple[type, str]] = {
    'bool': (bool, '`true` or `false`'),
    'port': (int, 'a number in `backticks`'),
    'int': (int, 'a number in `backticks`'),
    'list': (list, 'a list in `backticks`'),
    'choice': (str, "a text in 'single quotes'"),
}
# a condition can only ask whether these are set; each with some value
_ONLY_SET = {
    'port_range': '1-2',
    'ports': ['1'],
    'networks': ['192.0.2.0/24'],
    'group_addresses': ['239.0.0.1/32'],
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
        self._names = fields(node)

    def combinations(self, names: t.Iterable[str]) -> int:
        """How many scopes there are for NAMES, at most; they are not made for that."""
        return math.prod(self._number(name) for name in names)

    def _number(self, name: str) -> int:
        option = self._options[name]
        return 2 ** len(self._elements(option['choices'])) if option['type'] == 'list' else len(self._values(name))

    def scopes(self, names: list[str]) -> t.Iterator[dict[str, t.Any]]:
        """Every combination of the values of NAMES, with defaults for the others; the defaults come first."""
        defaults = {name: option['default'] for name, option in self._options.items()}
        for values in itertools.product(*map(self._values, names)):
            yield {**defaults, **dict(zip(names, values))}

    def _values(self, name: str) -> list[t.Any]:
        """The default first."""
        option = self._options[name]
        values: list[t.Any] = [option['default']]
        if option['type'] in _ONLY_SET:
            return values if values != [None] else [None, _ONLY_SET[option['type']]]
        if option['type'] == 'bool':
            values += [False, True]
        elif option['type'] == 'choice':
            values += option['choices']
        elif option['type'] == 'list':
            values += self._subsets(option['choices'])
        else:
            values += self._numbers(option['type'])
        return [value for number, value in enumerate(values) if value not in values[:number]]

    def _elements(self, choices: list[str] | None) -> list[str]:
        """What a list may contain: the texts that the condition names, and some that it does not."""
        named = sorted({text for text in self._literals if isinstance(text, str) and text in (choices or [text])})
        others = [text for text in choices or _OTHERS if text not in named]
        return sorted([*named, *others[: len(_OTHERS)]])

    def _subsets(self, choices: list[str] | None) -> t.Iterator[list[str]]:
        elements = self._elements(choices)
        for size in range(len(elements) + 1):
            yield from map(list, itertools.combinations(elements, size))

    def _numbers(self, kind: str) -> t.Iterator[int]:
        named = {number for number in self._literals if isinstance(number, int) and not isinstance(number, bool)}
        in_use = [option for name, option in self._options.items() if name in self._names]
        named.update(option['default'] for option in in_use if option['type'] in ('port', 'int') and option['default'])
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
    if literal is None and node['value'] in ('eq', 'ne') and option['default'] is None:
        return []
    if option['type'] in _ONLY_SET:
        return [literal]
    expected = _TYPES[option['type']][0]
    if node['type'] == 'function_expression':
        # contains(option, 'value') asks for a member, contains(`["a", "b"]`, option) for one of several values
        if field_is_first:
            members, is_list = [literal], option['type'] == 'list'
        else:
            members, is_list = (literal if isinstance(literal, list) else []), True
        of_type = str if field_is_first else expected
        choices = option['choices'] if is_list else None
        return [value for value in members if not _is_of(value, of_type) or choices and value not in choices]
    if node['value'] in _ORDERING and expected is not int:
        return [literal]
    if not _is_of(literal, expected):
        return [literal]
    members = literal if isinstance(literal, list) else [literal]
    return [value for value in members if option['choices'] and value not in option['choices']]


def _is_of(value: t.Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def _wrong(name: str, option: dict[str, t.Any], value: t.Any, node: Node) -> str:
    if option['type'] in _ONLY_SET or value is None:
        reason = 'ask only whether it is set: name != `null`' if option['default'] is None else 'it always has a value'
        return f'{value!r} is no value of {name}, which is of type {option["type"]}; {reason}'
    if node['value'] in _ORDERING and _TYPES[option['type']][0] is not int:
        return f'{name} is of type {option["type"]} and has no order; compare it with == or !='
    if option['type'] == 'list' and node['type'] == 'comparator' and isinstance(value, str):
        return f"{name} is a list; write contains({name}, {value!r})"
    if option['choices']:
        return f'{value!r} is no value of {name}; choose from {", ".join(option["choices"])}'
    return f'{value!r} is no value of {name}, which is of type {option["type"]}; write {_TYPES[option["type"]][1]}'
