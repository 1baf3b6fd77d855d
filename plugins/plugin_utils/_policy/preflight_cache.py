# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight, run once for a task and shared by all its hosts.

Every host of a task is handled by a process of its own, so a variable is no cache. Files are: in the folder that
Ansible makes for one run and removes at its end, under a lock, so that the first process runs the preflight and the
others wait for it and read what they need: each component is a file, since a host talks to few of them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import typing as t
from pathlib import Path

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import run_folder
from .._catalog.listeners import Listening
from .._catalog.model import Catalog, Catalogs
from .._inventory.address_book import AddressBook, Entry, Host
from .._inventory.jump_hosts import Hop
from .preflight import Preflight

_PROBLEMS, _CATALOGS, _PORT_TABLES = 'problems.json', 'catalogs.json', 'port-tables.json'
_NAMES = 'names.json'


class HostPreflight(t.NamedTuple):
    """What one host needs of the preflight. `host` is None if it has no component."""

    catalogs: Catalogs
    book: AddressBook
    host: Host | None
    warnings: list[str]
    hops: list[Hop]
    names: dict[str, list[str]]
    kind: str
    # the hosts of this kind, for the one who asks first, since all have the same to say; nobody for the others
    first_of_kind: t.Callable[[], list[str]]


def shared(key: t.Iterable[t.Any], run: t.Callable[[], Preflight], host: str) -> HostPreflight:
    """The preflight for HOST.

    Only the first caller with this KEY calls RUN; its PortmatrixError is raised for all of them.
    """
    name = hashlib.sha256(json.dumps(list(key), sort_keys=True, default=str).encode()).hexdigest()[:20]
    folder = run_folder() / f'portmatrix-{name}'
    folder.mkdir(mode=0o700, exist_ok=True)
    with open(folder / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _PROBLEMS).exists():
            _run(folder, run)
    problems = _load(folder / _PROBLEMS)
    if problems:
        raise PortmatrixError(*problems)
    return load(folder, host)


def save(folder: Path, preflight: Preflight) -> None:
    """Write PREFLIGHT into FOLDER, for `load`."""
    for component, entries in preflight.contents.entries.items():
        _dump(folder / _component_file(component), [entry._asdict() for entry in entries])
    _dump(folder / _PORT_TABLES, preflight.contents.port_tables)
    _dump(folder / _NAMES, preflight.names)
    _dump(folder / _CATALOGS, {name: catalog.to_data() for name, catalog in preflight.catalogs.items()})
    alike: dict[str, list[str]] = {}
    for name, kind in sorted(preflight.kinds.items()):
        alike.setdefault(kind, []).append(name)
    for kind, names in alike.items():
        _dump(folder / f'kind-{kind}.json', names)
    for name in {*preflight.hosts, *preflight.warnings}:
        host = preflight.hosts.get(name)
        data = {
            'host': host._asdict() if host else None,
            'warnings': preflight.warnings.get(name, []),
            'hops': preflight.hops.get(name, []),
            'kind': preflight.kinds.get(name, ''),
        }
        _dump(folder / _host_file(name), data)


def load(folder: Path, host: str) -> HostPreflight:
    """The preflight in FOLDER for HOST; the entries of a component are read when they are first needed."""
    cache: dict[str, list[Entry]] = {}

    def members(component: str) -> list[Entry]:
        if component not in cache:
            file = folder / _component_file(component)
            cache[component] = [Entry.from_data(entry) for entry in _load(file)] if file.exists() else []
        return cache[component]

    port_tables = [
        {flow: Listening.from_data(listening) for flow, listening in table.items()}
        for table in _load(folder / _PORT_TABLES)
    ]
    catalogs = {name: Catalog.from_data(data) for name, data in _load(folder / _CATALOGS).items()}
    file = folder / _host_file(host)
    data = _load(file) if file.exists() else {'host': None, 'warnings': [], 'hops': [], 'kind': ''}
    own = Host.from_data(data['host']) if data['host'] else None
    hops = [Hop(jump, target, port, tuple(cidrs)) for jump, target, port, cidrs in data['hops']]
    return HostPreflight(
        catalogs,
        AddressBook(members, port_tables),
        own,
        data['warnings'],
        hops,
        _load(folder / _NAMES),
        data['kind'],
        lambda: _claim(folder / f'kind-{data["kind"]}.json'),
    )


def _claim(file: Path) -> list[str]:
    """What FILE lists, for the first caller of all processes."""
    try:
        file.rename(file.with_suffix('.said'))
    except FileNotFoundError:
        return []
    return t.cast('list[str]', _load(file.with_suffix('.said')))


def _run(folder: Path, run: t.Callable[[], Preflight]) -> None:
    problems: list[str] = []
    try:
        save(folder, run())
    except PortmatrixError as error:
        problems = error.problems
    # written last: that it exists means that the rest is complete
    _dump(folder / _PROBLEMS, problems)


def _component_file(component: str) -> str:
    return f'component-{component}.json'


def _host_file(host: str) -> str:
    return f'host-{hashlib.sha256(host.encode()).hexdigest()[:20]}.json'


def _dump(path: Path, data: t.Any) -> None:
    path.write_text(json.dumps(data))


def _load(path: Path) -> t.Any:
    return json.loads(path.read_text())
