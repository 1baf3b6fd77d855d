# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the shape of a catalog file against its form. ansible-core's own validator does the work."""

from __future__ import annotations

import difflib
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import validate
from .form import CATALOG, DISTINCTIVE, FLOW, FLOW_ID, NAME, NEVER_EMPTY, PARTS, TAKEN


def check_shape(data: t.Any, where: str) -> dict[str, t.Any]:
    """DATA with defaults filled in and types coerced.

    Raises PortmatrixError that lists every wrong key as 'WHERE: key: ...'.
    """
    problems: list[str] = list(_not_plain(data, ''))
    problems = [f'{where}: {problem}' for problem in problems]
    _raise(problems)
    if isinstance(data, dict) and not DISTINCTIVE & set(data):
        # nothing of it is quoted: it may be a file that nobody else may read
        raise PortmatrixError(f'{where}: is no catalog: it must be a mapping with {", ".join(sorted(CATALOG))}')
    catalog = _checked(CATALOG, data, where, problems)
    _raise(problems)
    for part, spec in PARTS:
        catalog[part] = {
            str(name): _checked(spec, entry, f'{where}: {part}.{name}', problems)
            for name, entry in catalog[part].items()
        }
    catalog['flows'] = [
        _checked(FLOW, flow, f'{where}: flows[{number}]{_label(flow)}', problems)
        for number, flow in enumerate(catalog['flows'])
    ]
    _raise(problems)
    _check_names(catalog, where, problems)
    _raise(problems)
    return catalog


def _raise(problems: list[str]) -> None:
    if problems:
        raise PortmatrixError(*problems)


def _checked(spec: dict[str, t.Any], data: t.Any, where: str, problems: list[str]) -> dict[str, t.Any]:
    if data is None:
        problems.append(f'{where}: is empty; it must be a mapping with {", ".join(sorted(spec))}')
        return {}
    if not isinstance(data, dict):
        problems.append(f'{where}: must be a mapping with {", ".join(sorted(spec))}, got {type(data).__name__}')
        return {}
    unknown = [str(key) for key in data if str(key) not in spec]
    problems.extend(f'{where}: unknown key {key!r}; {_advice(key, spec)}' for key in unknown)
    given = {str(key): value for key, value in data.items() if value is not None and str(key) not in unknown}
    values, messages = validate(spec, given)
    empty = [key for key in NEVER_EMPTY & given.keys() if not given[key]]
    nothing = [key for key, value in given.items() if isinstance(value, list) and None in value]
    problems.extend(f'{where}: {message}' for message in messages)
    problems.extend(
        f'{where}: {key}: must be a text'
        for key, value in given.items()
        if spec[key]['type'] == 'str' and isinstance(value, (dict, list))
    )
    problems.extend(
        f'{where}: {key}[{number}].{part}: must not be empty'
        for key, value in given.items()
        if 'options' in spec[key] and isinstance(value, list)
        for number, entry in enumerate(value)
        if isinstance(entry, dict)
        for part, text in entry.items()
        if text is None
    )
    problems.extend(f'{where}: {key}: must not be empty' for key in sorted(empty))
    problems.extend(f'{where}: {key}: contains an empty value; remove it' for key in sorted(nothing))
    return values


def _not_plain(data: t.Any, path: str) -> t.Iterator[str]:
    """What no file could contain: data of an inventory may have other types."""
    if isinstance(data, dict):
        for key, value in data.items():
            if not isinstance(key, str):
                yield f'{path or "the catalog"}: the key {key!r} must be a text'
            else:
                yield from _not_plain(value, f'{path}.{key}'.lstrip('.'))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _not_plain(value, f'{path}[{number}]')
    elif isinstance(data, int) and abs(data) >= 10**18:
        yield f'{path}: is a very large number'
    elif not (data is None or isinstance(data, (str, int, float))):
        yield f'{path}: must be a text or a number, got {type(data).__name__}; write it in quotes'


def _advice(key: str, spec: dict[str, t.Any]) -> str:
    near = difflib.get_close_matches(key, sorted(spec), 1)
    return f'did you mean {near[0]}?' if near else f'choose from {", ".join(sorted(spec))}'


def _label(flow: t.Any) -> str:
    return f' ({flow["id"]!r})' if isinstance(flow, dict) and 'id' in flow else ''


def _check_names(catalog: dict[str, t.Any], where: str, problems: list[str]) -> None:
    """Names become variables, groups and parts of objects on hosts, and texts reach terminals and files: both may have
    plain characters only."""
    names = [('product', catalog['product'])]
    names += [(part, name) for part in ('options', 'components', 'groups') for name in catalog[part]]
    problems.extend(
        f'{where}: {part}: {name!r} is not a valid name; use at most 64 lower case letters, digits and _, beginning '
        'with a letter'
        for part, name in names
        if not NAME.fullmatch(str(name))
    )
    if TAKEN.match(str(catalog['product'])):
        problems.append(
            f'{where}: product: {catalog["product"]!r}: variables that begin with ansible_ or portmatrix_ have another '
            'meaning; choose another name'
        )
    problems.extend(
        f'{where}: flows: {flow["id"]!r} is not a valid id; use at most 64 lower case letters, digits, - and _'
        for flow in catalog['flows']
        if not FLOW_ID.fullmatch(flow['id'])
    )
    problems.extend(
        f'{where}: {path}: {text!r} contains a character that cannot be printed; use one line of printable text'
        for path, text in _texts(catalog, '')
        if not text.isprintable()
    )


def _texts(data: t.Any, path: str) -> t.Iterator[tuple[str, str]]:
    """(path, text) of every text in DATA."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield f'{path} (a key)', str(key)
            yield from _texts(value, f'{path}.{key}'.lstrip('.'))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _texts(value, f'{path}[{number}]')
