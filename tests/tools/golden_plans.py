"""The plan of an example inventory for each product: two hosts for each component, first with the defaults of all
options, then with everything switched on. A change of a catalog shows there as a change of rules."""

from __future__ import annotations

import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._model import peers as peers_of
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.traffic import without_full_prefix
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.loader import Catalog
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.options import option_values
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import address_book
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan import planner
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan.rules import HostPlan, Rule

HEADER = '# generated from the catalog by tests/tools/generate.py; read what changes\n'
# values of options that have none; addresses of names that a document gives
_SAMPLES = {
    'port': 20000,
    'port_range': '21000-21010',
    'ports': ['22000'],
    'networks': ['10.42.0.0/16'],
    'group_addresses': ['239.1.2.3'],
}
_RESOLVED = '203.0.113.99/32'


def text(catalog: Catalog) -> str:
    """Both plans, one line for each rule of the first host of each component."""
    switched_on = {name: _switched_on(option) for name, option in catalog.options.items()}
    parts = [('defaults', {})] + ([('everything switched on', switched_on)] if catalog.options else [])
    return HEADER + ''.join(f'\n# {title}\n{_plan(catalog, given)}' for title, given in parts)


def _switched_on(option: dict[str, t.Any]) -> t.Any:
    if option['type'] == 'bool':
        return True
    if option['type'] == 'list' and option['choices']:
        return option['choices']
    if option['type'] == 'choice' and 'both' in option['choices']:
        return 'both'
    return _SAMPLES.get(option['type']) if option['default'] is None else option['default']


def _plan(catalog: Catalog, given: dict[str, t.Any]) -> str:
    # networks have no sensible default anywhere, and a plan is refused without them
    needed = {
        name: _SAMPLES['networks']
        for name, option in catalog.options.items()
        if option['type'] == 'networks' and option['default'] is None
    }
    product = catalog.product
    values = option_values(catalog.options, {**needed, **{k: v for k, v in given.items() if v is not None}}, '')
    components = {
        name: {**component, 'addresses': [*component['addresses'], *([_RESOLVED] if component['names'] else [])]}
        for name, component in catalog.components.items()
    }
    catalog = catalog._replace(components=components)
    hosts = [
        Host(f'{name}-{number}', (f'{product}.{name}',), _addresses(place, number), 'linux', {product: values})
        for place, (name, component) in enumerate(components.items(), 1)
        for number in (1, 2)
        if not component['external']
    ]
    book = address_book.build(hosts, {product: catalog}).book()
    names = {cidr: host.name for host in hosts for cidr in host.addresses}
    settings = Settings({}, 'skip', 'deny')
    lines = []
    for host in hosts[::2]:
        plan = planner.plan_host(host, settings, {product: catalog}, book)
        lines.extend(f'{host.name} {line}' for line in _lines(plan, names))
    return ''.join(f'{line}\n' for line in lines)


def _addresses(place: int, number: int) -> tuple[str, ...]:
    return tuple(addresses.ordered([f'192.0.2.{2 * place + number}/32', f'2001:db8::{2 * place + number:x}/128']))


def _lines(plan: HostPlan, names: t.Mapping[str, str]) -> t.Iterator[str]:
    for rule in plan.rules:
        peer = f'{rule.peer.partition(".")[2]} {_peers(rule, names)}'
        yield f'{rule.direction:7} {_service(rule)} {peer} ({", ".join(rule.flows)})'
    for what, mentions in (('forwards', plan.forwarded), ('must never expose', plan.never_expose)):
        for mention in mentions:
            whom = f' to {mention.peer.partition(".")[2]}' if mention.peer else ''
            yield f'{what} {",".join(mention.ports)}/{mention.protocol}{whom} ({mention.flow})'


def _service(rule: Rule) -> str:
    service = f'{",".join(rule.ports)}/{rule.protocol}' if rule.ports else rule.protocol
    service += f' type {",".join(rule.icmp_types)}' if rule.icmp_types else ''
    return service + (f' to {",".join(rule.to)}' if rule.to else '')


def _peers(rule: Rule, names: t.Mapping[str, str]) -> str:
    """Hosts by name; merged networks as they are."""
    texts = []
    for cidr in peers_of.to_data(rule.peers):
        texts.append(names.get(cidr) or ','.join(dict.fromkeys(_inside(cidr, names))) or without_full_prefix(cidr))
    return '[' + ' '.join(dict.fromkeys(texts)) + ']'


def _inside(cidr: str, names: t.Mapping[str, str]) -> t.Iterator[str]:
    if cidr != 'any':
        yield from (name for address, name in names.items() if addresses.overlap([cidr], [address]))
