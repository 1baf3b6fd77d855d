# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules mean for a policy that ufw does not write: those of other programs, and those of its files."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from ..._kernel import neighbours, owners
from ..._kernel.flows import Flow
from ..._kernel.reader import Kernel as WholeKernel
from ..._kernel.rules import Place
from ..._model.openings import Opening
from . import kernel
from .kernel import BUILT_IN, Tables
from .user_rules import CHAINS, PREFIXES

_FAMILIES = {'ip': 'ipv4', 'ip6': 'ipv6'}
# what ufw itself writes, rules of users among it: what they deny is told in the words of ufw
_OF_UFW = ('user', 'user-logging', 'track', 'reject', 'skip-to-policy', 'before-logging', 'after-logging')
_OWN_CHAINS = frozenset(
    (
        *(f'{prefix}-{part}-{chain}' for prefix in PREFIXES.values() for part in _OF_UFW for chain in CHAINS),
        *(f'{prefix}-user-limit{suffix}' for prefix in PREFIXES.values() for suffix in ('', '-accept')),
        *BUILT_IN,
    )
)


class Others(t.NamedTuple):
    """What unmanaged rules allow beyond the policy (`all`), whether that is open before and after the change, and what
    ufw's defaults allow before it."""

    all: t.Tuple[Opening, ...]
    is_open_before: bool
    is_open_after: bool
    defaults: t.Tuple[Opening, ...]

    @property
    def open_before(self) -> t.Tuple[Opening, ...]:
        return self.defaults or (self.all if self.is_open_before else ())

    @property
    def open_after(self) -> t.Tuple[Opening, ...]:
        return self.all if self.is_open_after else ()


def openings(
    whole: WholeKernel, documented: t.Sequence[Flow], directions: t.Iterable[str], from_files: Tables
) -> t.List[t.Tuple[Place, Opening]]:
    """What others admit beyond the DOCUMENTED flows, in the chains that ufw uses, but not by ufw's files."""

    def may_open(place: Place) -> bool:
        family = _FAMILIES.get(place.family, '')
        is_in_table = place.table == 'filter' and place.program in _programs(family, from_files)
        chain = from_files[family].chains.get(place.chain, ()) if is_in_table else ()
        return is_in_table and bool(place.text) and place.text not in chain

    return neighbours.openings(whole, documented, directions, may_open)


def require_closed(found: t.Sequence[t.Tuple[Place, Opening]]) -> None:
    """Raise Refused for what portmatrix_exclusive cannot close: ufw is asked after these rules."""
    if found:
        texts = '; '.join(dict.fromkeys(opening.text for _place, opening in found))
        commands = '; '.join(dict.fromkeys(owners.removal(place) for place, _opening in found))
        raise Refused(
            f'portmatrix_exclusive: these rules decide before ufw and allow what the policy does not: {texts}; remove '
            f'them where they come from, and from the kernel: {commands}; or set portmatrix_exclusive: false. Nothing '
            'was changed'
        )


def _programs(family: str, tables: Tables) -> t.Tuple[str, ...]:
    """What lists the rules of the table that ufw uses: also nft, those that iptables has not written."""
    program = kernel.program(family) if family in tables else ''
    return () if not program else (program,) if program.endswith('-legacy') else (program, 'nft')


def is_own(place: Place) -> bool:
    """Whether ufw itself writes the rule at PLACE."""
    is_policy = place.chain in BUILT_IN and place.text
    return place.table == 'filter' and place.chain in _OWN_CHAINS and not is_policy
