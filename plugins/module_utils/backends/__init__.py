# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of Linux hosts. A new one is a file here and a line in BACKENDS."""

from __future__ import annotations

from ..errors import Refused
from .firewalld import Firewalld

BACKENDS = {backend.name: backend for backend in (Firewalld,)}
DEFAULT = Firewalld.name


def choose(name: str):
    """The back end NAME; "auto" takes the one that is installed."""
    if name == 'auto':
        found = [backend for backend in BACKENDS.values() if backend.installed()]
        return (found or [BACKENDS[DEFAULT]])[0]()
    if name not in BACKENDS:
        raise Refused(f'backend: {name!r} does not work on Linux hosts here; choose from auto, {", ".join(BACKENDS)}')
    return BACKENDS[name]()
