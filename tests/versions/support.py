"""docs/support.md, written from what the tests of versions have measured."""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path

PAGE = Path(__file__).parents[2] / 'docs' / 'support.md'
_HEAD = """# Supported distributions and versions

Written by `bash tests/run.sh versions`, never by hand. Each host was checked, hardened, hardened again and released,
with real packets from a documented peer and from a stranger; then one address of a row of addresses came and went
while both connected every 10 ms. "Lost" are connections of the peer that were not answered at once, "admitted" those
of the stranger that were answered. A "shape" is a Debian host that a script has given what matters of another
distribution (`tests/versions/shapes.py`); that distribution itself was not run.

| host | firewall | nft, iptables | Python | result | lost | admitted |
|---|---|---|---|---|---|---|
"""


class Row(t.NamedTuple):
    """`lost` and `admitted`: of how many, as text; empty where nothing was measured."""

    title: str
    firewall: str
    tools: str
    python: str
    result: str
    lost: str = ''
    admitted: str = ''


def write(rows: t.Iterable[Row]) -> None:
    lines = ''.join(f'| {" | ".join(row)} |\n' for row in rows)
    PAGE.write_text(f'{_HEAD}{lines}\nMeasured on {datetime.date.today().isoformat()}.\n')
