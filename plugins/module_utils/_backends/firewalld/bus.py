# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld over D-Bus, by systemd's busctl: it needs none of firewalld's Python bindings, so any interpreter will do."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError

_NAME, _PATH = 'org.fedoraproject.FirewallD1', '/org/fedoraproject/FirewallD1'
_SCALARS = {'s', 'i', 'u', 'x', 't', 'n', 'q', 'y', 'd', 'o', 'g'}
SLOW = 300


def call(interface: str, method: str, signature: str = '', *arguments: str, timeout: int = 60) -> t.Any:
    """The answer of METHOD ("" is firewalld's main INTERFACE) as plain values; variants keep their {"type", "data"} form."""
    where = f'{_NAME}.{interface}' if interface else _NAME
    words = [signature, *arguments] if signature else []
    result = run(
        ['busctl', '--json=short', f'--timeout={timeout}', '--', 'call', _NAME, _PATH, where, method, *words],
        timeout=timeout + 5,
    )
    if not result.stdout.strip():
        return None
    data = json.loads(result.stdout)['data']
    return data[0] if len(data) == 1 else data


def get(name: str) -> str:
    """A property of firewalld: "version" or "state"."""
    return str(
        json.loads(run(['busctl', '--json=short', '--', 'get-property', _NAME, _PATH, _NAME, name]).stdout)['data']
    )


def reload() -> None:
    """Make the runtime what the files say. firewalld 1.3 fails once after something else flushed its tables: a second try mends it."""
    try:
        call('', 'reload', timeout=SLOW)
    except BackendError:
        call('', 'reload', timeout=SLOW)


def set_dictionary(interface: str, method: str, name: str, settings: t.Dict[str, t.Dict[str, t.Any]]) -> None:
    """Call a METHOD of signature sa{sv} with SETTINGS in the form in which call() returned them."""
    words = [str(len(settings))]
    for key, variant in settings.items():
        words.extend([key, variant['type'], *arguments(variant['type'], variant['data'])])
    call(interface, method, 'sa{sv}', name, *words, timeout=SLOW)


def arguments(signature: str, value: t.Any) -> t.List[str]:
    """VALUE as the words that busctl wants for a D-Bus SIGNATURE of scalars, arrays and structs."""
    if signature == 'b':
        return ['true' if value else 'false']
    if signature in _SCALARS:
        return [str(value)]
    if signature.startswith('a'):
        return [str(len(value)), *(word for item in value for word in arguments(signature[1:], item))]
    if signature.startswith('('):
        return [word for part, item in zip(_members(signature[1:-1]), value) for word in arguments(part, item)]
    raise BackendError(
        f'firewalld answered with a value of D-Bus type {signature}, which this version of portmatrix.firewall does not know'
    )


def _members(signature: str) -> t.Iterator[str]:
    while signature:
        end = 1
        while signature[end - 1] == 'a':
            end += 1
        if signature[end - 1] == '(':
            end = signature.index(')') + 1
        yield signature[:end]
        signature = signature[end:]
