# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of Linux hosts. A new one is a file here and a line in BACKENDS."""

from __future__ import annotations

import re
import typing as t

from .._base import files
from .._base.errors import Refused
from .firewalld.backend import Firewalld
from .ufw.backend import Ufw

BACKENDS = {backend.name: backend for backend in (Firewalld, Ufw)}
DEFAULT = Firewalld.name
# What a distribution installs or recommends (ID or ID_LIKE of os-release); everything else goes with DEFAULT.
CUSTOM = {'debian': Ufw.name, 'ubuntu': Ufw.name}


def choose(name: str) -> t.Any:
    """The back end NAME. "auto" takes the one that is active, else the one that has rules of ours, else the one that is installed, else what is custom
    on the distribution. Raises Refused where two are active."""
    if name != 'auto':
        if name not in BACKENDS:
            raise Refused(
                f'backend: {name!r} does not work on Linux hosts here; choose from auto, {", ".join(BACKENDS)}'
            )
        return BACKENDS[name]()
    active = [backend for backend in BACKENDS.values() if backend.active()]
    if len(active) > 1:
        ways = ', or '.join(f'{backend.stop_command} (stops {backend.name})' for backend in active)
        raise Refused(
            f'{" and ".join(backend.name for backend in active)} are both active on this host, and a packet would need both; stop one: {ways}'
        )
    for candidates in (active, having_ours(), [backend for backend in BACKENDS.values() if backend.installed()]):
        if len(candidates) == 1:
            return candidates[0]()
    return BACKENDS[_custom()]()


def having_ours() -> t.List[t.Any]:
    """The back ends in whose files anything of ours is."""
    return [backend for backend in BACKENDS.values() if backend.installed() and backend.present()]


def _custom() -> str:
    text = files.read('/etc/os-release') or ''
    names = ' '.join(re.findall(r'(?m)^(?:ID|ID_LIKE)=(.*)$', text)).replace('"', '').split()
    return next((CUSTOM[name] for name in names if name in CUSTOM), DEFAULT)
