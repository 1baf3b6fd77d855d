# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML for files that people write.

Every scalar is the text that stands in the file, so that `7.10` stays a version, `0443` and `20:21` are no numbers, and
`on` is a word; only nothing, `~` and `null` are None. A duplicate key is an error, since its first value would be lost
in silence. Size and depth are bounded, with what an alias stands for counted each time.
"""

from __future__ import annotations

import re
import typing as t

import yaml

MAX_BYTES, MAX_NODES, MAX_DEPTH = 500_000, 100_000, 30
# the words of a file that PyYAML quotes; what is in other quotes is YAML's own punctuation
_WORDS_OF_FILE = re.compile(r"(?<=alias |nchor |e tag )(?:'[^']*'|\"[^\"]*\")")
_YAML = 'tag:yaml.org,2002:'
_RESOLVED = (f'{_YAML}null', f'{_YAML}merge')
_CONSTRUCTED = (f'{_YAML}null', f'{_YAML}str', f'{_YAML}seq', f'{_YAML}map', None)


class TooLargeError(Exception):
    """The text says which bound a file exceeds."""


def load(content: bytes, *, is_ours: bool = False) -> t.Any:
    """The one document in CONTENT: dictionaries, lists, texts and None. What IS_OURS is read by the parser in C, if
    there is one: five times as fast, but without a bound on its stack.

    Raises yaml.YAMLError, ValueError (not a text), RecursionError and TooLargeError.
    """
    if len(content) > MAX_BYTES:
        raise TooLargeError(f'has {len(content)} bytes, at most {MAX_BYTES} are read; split it')
    root = yaml.compose(content, Loader=_FAST_LOADER if is_ours else _TextLoader)
    if root is None:
        return None
    _measure(root, {})
    loader = _TextLoader(b'')
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


def explain(error: Exception) -> str:
    """What is wrong and in which line, without a part of the file."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        hint = (
            '; an unquoted ! begins a tag of YAML: put the text in quotes'
            if ' for the tag' in str(error.problem)
            else ''
        )
        problem = _WORDS_OF_FILE.sub('...', error.problem or '') + hint
        return f'line {mark.line + 1}, column {mark.column + 1}: {problem}'
    return type(error).__name__


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """(nodes, depth) below and with NODE, where each alias counts as what it stands for."""
    if id(node) not in known:
        known[id(node)] = (MAX_NODES, 0)  # an alias of itself has no end
        parts = [_measure(child, known) for child in _children(node)]
        known[id(node)] = (
            1 + sum(count for count, _depth in parts),
            1 + max((depth for _count, depth in parts), default=0),
        )
    count, depth = known[id(node)]
    if count > MAX_NODES:
        raise TooLargeError(
            f'has more than {MAX_NODES} values, with each alias counted as what it stands for; split it'
        )
    if depth > MAX_DEPTH:
        raise TooLargeError(f'is nested deeper than {MAX_DEPTH} levels')
    return count, depth


def _children(node: yaml.Node) -> t.Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


class _TextLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which takes no scalar for anything else than text or null."""

    yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] in _RESOLVED]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {
        tag: constructor for tag, constructor in yaml.SafeLoader.yaml_constructors.items() if tag in _CONSTRUCTED
    }


def _mapping(loader: _TextLoader, node: yaml.MappingNode) -> dict[t.Any, t.Any]:
    own = [key for key, _value in node.value if key.tag != f'{_YAML}merge']
    keys = [loader.construct_object(key) for key in own]
    seen: set[t.Any] = set()
    for key, value in zip(own, keys):
        if not isinstance(value, str):
            raise yaml.constructor.ConstructorError(None, None, 'a key must be a text', key.start_mark)
        if value in seen:
            raise yaml.constructor.ConstructorError(None, None, f'duplicate key {value!r}', key.start_mark)
        seen.add(value)
    return loader.construct_mapping(node, deep=True)


# without libyaml, the same as for others
_FAST_LOADER: t.Any = _TextLoader
if yaml.__with_libyaml__:
    _FAST_LOADER = type(
        '_FastLoader',
        (yaml.CSafeLoader,),
        {'yaml_implicit_resolvers': _TextLoader.yaml_implicit_resolvers},
    )

_TextLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
