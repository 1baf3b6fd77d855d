# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld's D-Bus interface, called with systemd's busctl: no Python bindings are needed, so any interpreter will
do."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError

_NAME, _PATH = 'org.fedoraproject.FirewallD1', '/org/fedoraproject/FirewallD1'
_SCALARS = {'s', 'i', 'u', 'x', 't', 'n', 'q', 'y', 'd', 'o', 'g'}
SLOW_SECONDS = 300


def call(interface: str, method: str, signature: str = '', *values: str, timeout: int = 60) -> t.Any:
    """The answer of METHOD of INTERFACE ("" is firewalld's main one) as plain values.

    Variants keep the form {"type", "data"}. Raises BackendError if the call fails or takes longer than TIMEOUT seconds.
    """
    full_interface = f'{_NAME}.{interface}' if interface else _NAME
    command = ['busctl', '--json=short', f'--timeout={timeout}', '--', 'call', _NAME, _PATH, full_interface, method]
    result = run([*command, signature, *values] if signature else command, timeout=timeout + 5)
    if not result.stdout.strip():
        return None
    data = json.loads(result.stdout)['data']
    return data[0] if len(data) == 1 else data


def get_property(name: str) -> str:
    """The property NAME of firewalld: "version" or "state"."""
    command = ['busctl', '--json=short', '--', 'get-property', _NAME, _PATH, _NAME, name]
    return str(json.loads(run(command).stdout)['data'])


def answers() -> bool:
    return bool(get_property('state'))


def is_running() -> bool:
    return get_property('state') == 'RUNNING'


def reload() -> None:
    """Load the permanent configuration into the running firewall.

    firewalld 1.3 fails once after another program flushed its tables; the second attempt then works.
    """
    try:
        call('', 'reload', timeout=SLOW_SECONDS)
    except BackendError:
        call('', 'reload', timeout=SLOW_SECONDS)


def set_dictionary(interface: str, method: str, name: str, settings: t.Dict[str, t.Dict[str, t.Any]]) -> None:
    """Call a METHOD of signature sa{sv} with SETTINGS in the form that call() returns."""
    words = [str(len(settings))]
    for key, variant in settings.items():
        words.extend([key, variant['type'], *arguments(variant['type'], variant['data'])])
    call(interface, method, 'sa{sv}', name, *words, timeout=SLOW_SECONDS)


def arguments(signature: str, value: t.Any) -> t.List[str]:
    """VALUE as the arguments that busctl expects for a D-Bus SIGNATURE of scalars, arrays and structures."""
    if signature == 'b':
        return ['true' if value else 'false']
    if signature in _SCALARS:
        return [str(value)]
    if signature.startswith('a'):
        return [str(len(value)), *(word for item in value for word in arguments(signature[1:], item))]
    if signature.startswith('('):
        parts = split_signature(signature[1:-1])
        return [word for part, item in zip(parts, value) for word in arguments(part, item)]
    raise BackendError(
        f'firewalld: D-Bus type {signature} is not supported by this version of portmatrix.firewall; upgrade it'
    )


def split_signature(signature: str) -> t.Iterator[str]:
    """The complete types that SIGNATURE is made of: "sa(ss)(s(ii))" is "s", "a(ss)", "(s(ii))"."""
    start = depth = 0
    for position, letter in enumerate(signature):
        depth += {'(': 1, '{': 1, ')': -1, '}': -1}.get(letter, 0)
        if depth == 0 and letter != 'a':
            yield signature[start : position + 1]
            start = position + 1
