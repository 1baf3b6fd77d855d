"""The matrices of the vendors, read by hand from the documents (unit/cases/matrices): the tests compare catalogs and
hosts with them."""

from __future__ import annotations

import typing as t
from pathlib import Path

FOLDER = Path(__file__).parent / 'unit' / 'cases' / 'matrices'
PRODUCTS = sorted(path.stem for path in FOLDER.glob('*.txt'))


class Row(t.NamedTuple):
    source: str
    destination: str
    protocol: str
    port: str
    condition: str
    rows: tuple[str, ...]

    def applies(self, options: dict[str, t.Any], platform: str) -> bool:
        """Whether the condition, a Python expression (catalogs use JMESPath instead), is true."""
        return self.condition == '-' or bool(
            eval(
                self.condition.replace('_and_', ' and ')
                .replace('_in_', ' in ')
                .replace('_==_', ' == ')
                .replace('not_', 'not '),
                {},
                {**options, 'platform': platform},
            )
        )

    def number(self, options: dict[str, t.Any]) -> str:
        return self.port if self.port.isdigit() else str(options[self.port])


def load(product: str) -> list[Row]:
    rows = []
    for line in (FOLDER / f'{product}.txt').read_text().splitlines():
        if line and not line.startswith('#'):
            source, destination, service, condition, *cited = line.split()
            rows.append(Row(source, destination, *service.split('/'), condition, tuple(cited)))
    return rows
