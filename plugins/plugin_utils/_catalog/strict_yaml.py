# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML for files that people write: a duplicate key is an error, since its first value would be lost in silence."""

from __future__ import annotations

import re
import typing as t

import yaml

# the words of a file that PyYAML quotes; what is in other quotes is YAML's own punctuation
_WORDS_OF_FILE = re.compile(r"(?<=alias |nchor |e tag )(?:'[^']*'|\"[^\"]*\")")


def load(content: bytes) -> t.Any:
    """The one document in CONTENT. Raises yaml.YAMLError."""
    return yaml.load(content, Loader=_UniqueKeyLoader)


def explain(error: Exception) -> str:
    """What is wrong and in which line, without a part of the file."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f'line {mark.line + 1}, column {mark.column + 1}: {_WORDS_OF_FILE.sub("...", error.problem or "")}'
    return type(error).__name__


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader with a constructor of its own for mappings."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[t.Any, t.Any]:
    keys = [loader.construct_object(key) for key, value in node.value if key.tag != 'tag:yaml.org,2002:merge']
    for number, key in enumerate(keys):
        if key in keys[:number]:
            mark = node.value[number][0].start_mark
            raise yaml.constructor.ConstructorError(None, None, f'duplicate key {key!r}', mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
