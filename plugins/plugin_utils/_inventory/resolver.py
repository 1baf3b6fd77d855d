# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names, resolved on the controller: all IPv4 and IPv6 addresses, concurrently, with a deadline."""

from __future__ import annotations

import concurrent.futures
import socket
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses

DEADLINE_SECONDS = 15
_THREADS = 32


class Names:
    """Names and what they resolve to. What is asked for together is resolved together."""

    def __init__(self, hosts: t.Collection[str] = ()) -> None:
        """HOSTS of the inventory, whose names mean nothing to the resolver."""
        self._hosts = hosts
        self._resolved: dict[str, list[str]] = {}
        self._failed: dict[str, str] = {}

    def prepare(self, names: t.Iterable[str]) -> None:
        """Resolve those of NAMES that are not known yet."""
        unknown = set(names) - self._resolved.keys() - self._failed.keys()
        if unknown:
            resolved, failed = resolve(unknown)
            self._resolved.update(resolved)
            self._failed.update(failed)

    def cidrs(self, name: str, where: str) -> list[str]:
        """Canonical CIDRs of all addresses of NAME. WHERE begins the PortmatrixError that is raised without any."""
        self.prepare([name])
        where = f'{where}: the name {name!r}'
        if name in self._failed:
            advice = 'set an address instead, or add the name to DNS'
            if name in self._hosts and name not in where.partition(':')[0]:
                advice = 'it is a host of the inventory: declare its component instead, or set its address'
            raise PortmatrixError(f'{where} cannot be resolved ({self._failed[name]}); {advice}')
        where += ' resolves to an address that cannot be a peer'
        return addresses.ordered(cidr for text in self._resolved[name] for cidr in addresses.parse_peer(text, where))

    def known(self, name: str) -> list[str] | None:
        """The addresses of NAME as text, None if it cannot be resolved."""
        self.prepare([name])
        return self._resolved.get(name)

    def to_data(self) -> dict[str, list[str]]:
        """The names that were resolved, with their addresses."""
        return dict(self._resolved)

    def add(self, data: dict[str, list[str]]) -> None:
        """From the result of `to_data`."""
        self._resolved.update(data)


def resolve(names: set[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """(name -> sorted addresses, name -> error message). A name without an answer within the deadline is an error."""
    resolved: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
    jobs = {pool.submit(_lookup, name): name for name in sorted(names)}
    done, late = concurrent.futures.wait(jobs, DEADLINE_SECONDS)
    for job in done:
        try:
            resolved[jobs[job]] = job.result()
        except (OSError, UnicodeError) as error:
            failed[jobs[job]] = getattr(error, 'strerror', None) or str(error)
    failed.update({jobs[job]: f'no answer within {DEADLINE_SECONDS} s' for job in late})
    pool.shutdown(wait=False, cancel_futures=True)
    return resolved, failed


def _lookup(name: str) -> list[str]:
    answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return sorted({str(answer[4][0]) for answer in answers})
