"""The matrices of the vendors, read by hand from the documents (unit/cases/matrices): the tests compare catalogs and
hosts with them."""

from __future__ import annotations

import itertools
import random
import re
import typing as t
from pathlib import Path

FOLDER = Path(__file__).parent / 'unit' / 'cases' / 'matrices'
PRODUCTS = sorted(path.stem for path in FOLDER.glob('*.txt'))
PLATFORMS = ('linux', 'windows')
MAX_COMBINATIONS = 400
_WORDS = ('and', 'or', 'in', '==', '!=')
_SERVICE = re.compile(
    r'(?P<protocol>[a-z0-9]+)(/(?P<ports>[a-z0-9_+-]+)|:(?P<type>[0-9/]+))?(@(?P<group>[a-z0-9_.:]+))?(!(?P<mark>\w+))?'
)
Options = t.Mapping[str, t.Any]
# (source, destination, service) -> the short names of the rows that state it; a service is "tcp/443", "udp/80-90",
# "esp", "icmp:8", and "@ADDRESS" and "!never" or "!forwarded" may follow
Stated = dict[tuple[str, str, str], set[str]]


class Row(t.NamedTuple):
    source: str
    destination: str
    service: str
    condition: str
    rows: tuple[str, ...]

    @property
    def protocol(self) -> str:
        return self._part('protocol')

    def applies(self, options: Options, platform: str) -> bool:
        """Whether the condition, a Python expression (catalogs use JMESPath instead), is true."""
        text = self.condition.replace('not_', 'not ')
        for word in _WORDS:
            text = text.replace(f'_{word}_', f' {word} ')
        return self.condition == '-' or bool(eval(text, {}, {**options, 'platform': platform}))

    def number(self, options: Options) -> str:
        """Its one port."""
        (service,) = self.services(options)
        return service.partition('/')[2]

    def services(self, options: Options) -> list[str]:
        """With the ports that OPTIONS give it."""
        ports, kind, mark = self._part('ports'), self._part('type'), self._part('mark')
        head = self.protocol + (f':{kind}' if kind else '')
        group = self._part('group')
        if group in options and options[group] is None:
            ports, group = f'?{group}', ''
        tails = [''] if not group else [f'@{address}' for address in _listed(options.get(group, group))]
        tails = [tail + (f'!{mark}' if mark else '') for tail in tails]
        entries = [f'{head}/{port}' for port in _ports(ports, options)] if ports else [head]
        return [entry + tail for entry in entries for tail in tails]

    def _part(self, name: str) -> str:
        match = _SERVICE.fullmatch(self.service)
        assert match, f'{self.service} is no service'
        return match[name] or ''


def _listed(value: t.Any) -> list[str]:
    return [
        str(one).removesuffix('/32').removesuffix('/128') for one in (value if isinstance(value, list) else [value])
    ]


def _ports(text: str, options: Options) -> list[str]:
    ends = text.split('-')
    values = [_end(end, options) for end in ends]
    if len(ends) == 1:
        return [str(one) for one in values[0]]
    return [f'{values[0][0]}-{values[1][0]}']


def _end(text: str, options: Options) -> list[t.Any]:
    if text.startswith('?'):
        return [text]
    name, _plus, offset = text.partition('+')
    if name.isdigit():
        return [int(name)]
    value = options[name]
    if value is None:
        return [f'?{name}']
    return list(value) if isinstance(value, list) else [value + int(offset or 0)] if isinstance(value, int) else [value]


def load(product: str, folder: Path = FOLDER) -> list[Row]:
    rows = []
    for line in (folder / f'{product}.txt').read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            source, destination, service, condition, *cited = line.split()
            rows.append(Row('' if source == '-' else source, destination, service, condition, tuple(cited)))
    return rows


def stated(rows: t.Iterable[Row], options: Options, platform: str) -> Stated:
    """What ROWS state for a listener with these OPTIONS."""
    result: Stated = {}
    for row in rows:
        if row.applies(options, platform):
            for service in row.services(options):
                result.setdefault((row.source, row.destination, service), set()).update(row.rows)
    return result


def combinations(options: t.Mapping[str, dict[str, t.Any]]) -> t.Iterator[tuple[dict[str, t.Any], str]]:
    """Values of the OPTIONS of a catalog, on both platforms: all combinations, or as many as time allows. Ports differ
    from their defaults, each by another amount."""
    choices = {name: list(_values(number, option)) for number, (name, option) in enumerate(options.items())}
    total = 1
    for values in choices.values():
        total *= len(values)
    rng = random.Random(1)
    if total <= MAX_COMBINATIONS:
        chosen = [dict(zip(choices, values)) for values in itertools.product(*choices.values())]
    else:
        defaults = {name: values[0] for name, values in choices.items()}
        chosen = [defaults, *({**defaults, name: value} for name, values in choices.items() for value in values[1:])]
        chosen += [{name: rng.choice(values) for name, values in choices.items()} for _ in range(MAX_COMBINATIONS)]
    yield from itertools.product(chosen, PLATFORMS)


def _values(number: int, option: dict[str, t.Any]) -> t.Iterator[t.Any]:
    """The default first, of ports another one."""
    kind, default = option['type'], option['default']
    samples = {
        'port': 20000 + number,
        'port_range': f'{21000 + 100 * number}-{21050 + 100 * number}',
        'ports': [f'{40000 + number}', f'{41000 + 10 * number}-{41005 + 10 * number}'],
        'networks': ['198.51.100.0/24'],
        'group_addresses': ['239.9.9.9/32'],
        'int': default,
    }
    if kind == 'bool':
        yield from (default, not default)
    elif kind == 'choice':
        yield from (default, *(choice for choice in option['choices'] if choice != default))
    elif kind == 'list':
        members = option['choices'] or default
        yield default
        yield from ([], *([member] for member in members), sorted(members))
    elif default is None:
        yield from (None, samples[kind])
    else:
        # ranges between two options stay in order
        yield default + 100 + number if kind == 'port' else samples[kind]
