# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What portmatrix has to know about a host from one run to the next: how it was before. Files in a folder of root."""

from __future__ import annotations

import json
import typing as t

from . import files

HOME = '/var/lib/portmatrix'


def load(name: str) -> t.Dict[str, t.Any]:
    """What was saved as NAME, {} if nothing was. Raises BackendError if others than root may have written it."""
    files.require_private(HOME)
    data: t.Dict[str, t.Any] = json.loads(files.read(_path(name)) or '{}')
    return data


def save(name: str, data: t.Dict[str, t.Any]) -> None:
    """Save DATA as NAME; {} removes it, and the folder with it if nothing else is there."""
    if not data:
        files.remove(_path(name))
        files.remove_folder(HOME)
        return
    text = json.dumps(data) + '\n'
    if files.read(_path(name)) != text:
        files.make_private_folder(HOME)
        files.write(_path(name), text, 0o600)


def _path(name: str) -> str:
    return f'{HOME}/{name}.json'
