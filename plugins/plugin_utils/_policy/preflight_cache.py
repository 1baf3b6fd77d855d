# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey, taken once for a task and shared by all its host-tasks.

Every host-task is a process of its own, so a variable is no cache. Files are: in the folder that Ansible makes for one run and removes at
its end, under a lock, so that the first host-task takes the survey and the others wait for it and read what they need.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import typing as t
from pathlib import Path

from ansible import constants

from ...module_utils._base.errors import PortmatrixError
from .._catalog.loader import Catalog
from .._inventory import address_book
from .._inventory.address_book import AddressBook, Host
from .preflight import Survey


class Index(t.NamedTuple):
    """What one host-task needs of the survey. `host` is None for a host that plays no component."""

    catalogs: dict[str, Catalog]
    book: AddressBook
    host: Host | None
    warnings: list[str]


def shared(key: t.Iterable[t.Any], take: t.Callable[[], Survey], host: str) -> Index:
    """The index for HOST. TAKE surveys the inventory; it is called by the first caller with this KEY only, and its errors reach all of them."""
    name = hashlib.sha256(json.dumps(list(key), sort_keys=True, default=str).encode()).hexdigest()[:20]
    folder = Path(vars(constants)['DEFAULT_LOCAL_TMP']) / f'portmatrix-{name}'
    folder.mkdir(mode=0o700, exist_ok=True)
    with open(folder / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / 'problems.json').exists():
            _build(folder, take)
    problems = json.loads((folder / 'problems.json').read_text())
    if problems:
        raise PortmatrixError(*problems)
    book, catalogs = address_book.open_book(folder)
    file = folder / _host_file(host)
    own, warnings = json.loads(file.read_text()) if file.exists() else (None, [])
    return Index(catalogs, book, Host(own[0], tuple(own[1]), tuple(own[2]), *own[3:]) if own else None, warnings)


def _build(folder: Path, take: t.Callable[[], Survey]) -> None:
    problems: list[str] = []
    try:
        survey = take()
        address_book.save(folder, survey.entries, survey.tables, survey.catalogs)
        for name in {*survey.hosts, *survey.warnings}:
            (folder / _host_file(name)).write_text(json.dumps([survey.hosts.get(name), survey.warnings.get(name, [])]))
    except PortmatrixError as error:
        problems = error.problems
    # written last: its presence says that the rest is complete
    (folder / 'problems.json').write_text(json.dumps(problems))


def _host_file(host: str) -> str:
    return f'host-{hashlib.sha256(host.encode()).hexdigest()[:20]}.json'
