"""Random catalogs and inventories, and their plans."""

from __future__ import annotations

from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import address_book
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan import planner
from hypothesis import strategies as st

COMPONENTS = ['a', 'b', 'c', 'd']
DEPLOYMENTS = st.sampled_from([('default',), ('prod',), ('prod', 'test'), ('test',), ('*',)])
PROTOCOLS = st.sampled_from([['tcp'], ['udp'], ['tcp', 'udp'], ['sctp'], ['icmp', 'icmpv6'], ['esp']])


@st.composite
def catalogs(draw):
    flows = []
    for number in range(draw(st.integers(1, 6))):
        protocol = draw(PROTOCOLS)
        ports = (
            draw(st.lists(st.sampled_from(['22', '80', '80-90', '85-95', 'web', 'web+3']), min_size=1, max_size=3))
            if protocol[0] in ('tcp', 'udp', 'sctp')
            else []
        )
        flows.append(
            {
                'id': f'f{number}',
                'title': 'T',
                'protocol': protocol,
                'ports': ports,
                'assumed': draw(st.booleans()),
                'source': draw(st.lists(st.sampled_from([*COMPONENTS, 'mesh']), min_size=1, max_size=2, unique=True)),
                'destination': draw(
                    st.lists(st.sampled_from([*COMPONENTS, 'mesh']), min_size=1, max_size=2, unique=True)
                ),
                'when': draw(st.sampled_from([None, 'on', '!on', "platform == 'windows'"])),
                'between': draw(st.sampled_from(['same', 'same', 'different', 'any'])),
                'citations': [{'document': 'doc', 'section': 'S', 'row': str(number)}],
            }
        )
    return loader.build(
        {
            'product': 'p',
            'title': 'P',
            'documents': {'doc': {'title': 'D', 'version': '1', 'retrieved': 'now'}},
            'options': {
                'on': {'type': 'bool', 'default': False, 'description': 'x'},
                'web': {'type': 'port', 'default': 8000, 'description': 'x'},
            },
            'components': {name: {'title': name, 'external': name == 'd'} for name in COMPONENTS},
            'groups': {'mesh': ['a', 'b']},
            'flows': flows,
        },
        'test',
        '',
    )


@st.composite
def inventories(draw):
    return [
        Host(
            f'h{number}',
            tuple(sorted(f'p.{name}' for name in draw(st.sets(st.sampled_from(COMPONENTS), min_size=1, max_size=3)))),
            tuple(
                addresses.merge(
                    [
                        f'192.0.2.{number * 2 + 1}/32',
                        *([f'2001:db8::{number + 1:x}/128'] if draw(st.booleans()) else []),
                    ]
                )
            ),
            draw(st.sampled_from(['linux', 'windows'])),
            {'p': {'on': draw(st.booleans()), 'web': draw(st.sampled_from([80, 8000]))}},
            {'p': draw(DEPLOYMENTS)},
        )
        for number in range(draw(st.integers(1, 5)))
    ]


def plan_all(catalog, hosts, peers=None, unresolved='skip'):
    """(host name -> plan, address book)."""
    book = address_book.build(hosts, {'p': catalog}).book()
    settings = Settings(peers or {}, unresolved, 'deny')
    return {host.name: planner.plan_host(host, settings, {'p': catalog}, book) for host in hosts}, book
