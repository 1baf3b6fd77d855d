# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which Docker keeps its networks apart.

Docker writes its rules anew whenever firewalld starts, stops or reloads. Before 25.0.13, and from 26.0 until 28.0, it then leaves these out
(CVE-2025-54410), and containers reach those of other networks until Docker itself starts anew. A change of ours is not to open that.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError
from . import iptables

_CHAINS = ('DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2')
_CHAIN = re.compile(rf'(?m)^:{_CHAINS[0]} ')
_RULE = re.compile(rf'(?m)^-A (?:{"|".join(_CHAINS)}) .*$')
_INTERFACE = re.compile(r'-[io] (\S+)')
_PAUSE, _QUIET, _PATIENCE = 0.25, 2.0, 10.0  # seconds


def isolation() -> t.Dict[str, t.List[str]]:
    """Command (iptables, ip6tables) -> the rules in their order, as its -save shows them; empty without Docker, and with one that has other chains."""
    return _of(iptables.tables(check=False))


def _of(tables: t.Dict[str, str]) -> t.Dict[str, t.List[str]]:
    return {command: _RULE.findall(text) for command, text in tables.items() if _CHAIN.search(text)}


@contextlib.contextmanager
def kept(before: t.Dict[str, t.List[str]]) -> t.Iterator[None]:
    """Firewalld starts, stops or reloads inside: what Docker leaves out of BEFORE (of `isolation`) is put in again, once it has done its work."""
    yield
    # whether our change is kept does not depend on it; where it fails, the next run finds it and says so
    with contextlib.suppress(BackendError, OSError):
        for command, now in (_of(_quiet()) if before else {}).items():
            rules = wanted(before.get(command, []), now, os.listdir('/sys/class/net'))
            if rules != now:
                empty = [f':{chain} - [0:0]' for chain in _CHAINS]
                run(
                    [f'{command}-restore', '-w', '10', '--noflush'],
                    text='\n'.join(['*filter', *empty, *rules, 'COMMIT', '']),
                )


def wanted(former: t.List[str], now: t.List[str], interfaces: t.Iterable[str]) -> t.List[str]:
    """The rules after NOW: with what is missing of the FORMER ones whose INTERFACES are still there. New ones stay, and come first, as Docker has it."""
    there = set(interfaces)
    lasting = [rule for rule in former if there.issuperset(_INTERFACE.findall(rule))]
    return [*(rule for rule in now if rule not in lasting), *lasting] if set(lasting) - set(now) else now


def _quiet() -> t.Dict[str, str]:
    """The tables, when nobody has changed them for some time."""
    start = since = time.monotonic()
    tables = iptables.tables(check=False)
    while time.monotonic() < min(since + _QUIET, start + _PATIENCE):
        time.sleep(_PAUSE)
        found = iptables.tables(check=False)
        if found != tables:
            tables, since = found, time.monotonic()
    return tables
