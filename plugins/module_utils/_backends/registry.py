# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends for Linux hosts. To add one: a folder here, and a line in BACKENDS."""

from __future__ import annotations

import re
import typing as t

from .._base import files
from .._base.errors import Refused
from .base import Backend
from .firewalld.backend import Firewalld
from .ufw.backend import Ufw

BACKENDS: t.Dict[str, t.Type[Backend]] = {Firewalld.name: Firewalld, Ufw.name: Ufw}
DEFAULT = Firewalld.name
# What a distribution (ID or ID_LIKE of os-release) installs or recommends; all others use DEFAULT.
DISTRIBUTION_DEFAULTS = {'debian': Ufw.name, 'ubuntu': Ufw.name}


def create(name: str) -> Backend:
    """The back end NAME of BACKENDS."""
    return BACKENDS[name]()


def choose(name: str) -> Backend:
    """The back end NAME. For "auto": the active one; otherwise the one that already has portmatrix rules; otherwise
    the only one installed; otherwise the distribution's default.

    Raises Refused for an unknown name, and for "auto" if several are active.
    """
    if name != 'auto':
        if name not in BACKENDS:
            raise Refused(f'backend: {name!r} is not available on Linux hosts; choose from auto, {", ".join(BACKENDS)}')
        return create(name)
    active = [backend for backend in BACKENDS.values() if backend.is_active()]
    if len(active) > 1:
        names = ' and '.join(backend.name for backend in active)
        raise Refused(f'{names} are both active on this host, and {_advice(active)}')
    installed = [backend for backend in BACKENDS.values() if backend.is_installed()]
    for candidates in (active, with_rules(), installed):
        if len(candidates) == 1:
            return candidates[0]()
    return create(_distribution_default())


def with_rules() -> t.List[t.Type[Backend]]:
    """The back ends whose configuration contains anything managed by portmatrix."""
    return [backend for backend in BACKENDS.values() if backend.is_installed() and backend.has_rules()]


def require_only_active(backend: Backend) -> None:
    """Raise Refused if a back end other than BACKEND is active."""
    others = [other for name, other in BACKENDS.items() if name != backend.name and other.is_active()]
    if others:
        active = ' and '.join(other.name for other in others)
        raise Refused(f'{active} is active on this host, and {_advice([*others, BACKENDS[backend.name]])}')


def _advice(backends: t.Sequence[t.Type[Backend]]) -> str:
    commands = ', or '.join(f'{backend.stop_command} (stops {backend.name})' for backend in backends)
    return f'a packet would have to pass both firewalls; stop one: {commands}'


def _distribution_default() -> str:
    text = files.read('/etc/os-release') or ''
    names = ' '.join(re.findall(r'(?m)^(?:ID|ID_LIKE)=(.*)$', text)).replace('"', '').split()
    return next((DISTRIBUTION_DEFAULTS[name] for name in names if name in DISTRIBUTION_DEFAULTS), DEFAULT)
