# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which Docker isolates its networks from one another.

Docker writes its rules again whenever firewalld starts, stops or reloads. Before 25.0.13, and from 26.0 until 28.0, it
then leaves these out (CVE-2025-54410), and containers reach other networks until Docker itself restarts. A change by
portmatrix must not open that.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError
from ..._kernel import saved_rules

_CHAINS = ('DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2')
_CHAIN = re.compile(rf'(?m)^:{_CHAINS[0]} ')
_RULE = re.compile(rf'(?m)^-A (?:{"|".join(_CHAINS)}) .*$')
_INTERFACE = re.compile(r'-[io] (\S+)')
_PAUSE, _QUIET, _PATIENCE = 0.25, 2.0, 10.0  # seconds
Isolation = t.Dict[str, t.List[str]]


def isolation() -> Isolation:
    """Command (iptables, ip6tables) -> the isolation rules in their order; empty without Docker's chains."""
    return _isolation_rules(saved_rules.read(check=False))


@contextlib.contextmanager
def preserving_isolation(before: Isolation) -> t.Iterator[None]:
    """Restore those rules of BEFORE that Docker leaves out when firewalld starts, stops or reloads in the body."""
    yield
    # the change is kept even if this fails; the next run then finds networks without isolation, and warns
    with contextlib.suppress(BackendError, OSError):
        for command, now in (_isolation_rules(_settled_rules()) if before else {}).items():
            rules = merge_rules(before.get(command, []), now, os.listdir('/sys/class/net'))
            if rules != now:
                empty_chains = [f':{chain} - [0:0]' for chain in _CHAINS]
                text = '\n'.join(['*filter', *empty_chains, *rules, 'COMMIT', ''])
                run([f'{command}-restore', '-w', '10', '--noflush'], text=text)


def merge_rules(former: t.List[str], now: t.List[str], interfaces: t.Iterable[str]) -> t.List[str]:
    """The rules NOW, with the missing ones of the FORMER rules whose INTERFACES still exist.

    New rules are kept and come first, which is Docker's own order.
    """
    existing = set(interfaces)
    lasting = [rule for rule in former if existing.issuperset(_INTERFACE.findall(rule))]
    return [*(rule for rule in now if rule not in lasting), *lasting] if set(lasting) - set(now) else now


def _isolation_rules(tables: t.Dict[str, str]) -> Isolation:
    return {command: _RULE.findall(text) for command, text in tables.items() if _CHAIN.search(text)}


def _settled_rules() -> t.Dict[str, str]:
    """The rules once no program has changed them for some time."""
    start = unchanged_since = time.monotonic()
    tables = saved_rules.read(check=False)
    while time.monotonic() < min(unchanged_since + _QUIET, start + _PATIENCE):
        time.sleep(_PAUSE)
        current = saved_rules.read(check=False)
        if current != tables:
            tables, unchanged_since = current, time.monotonic()
    return tables
