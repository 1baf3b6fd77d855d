"""A catalog that uses every extension of the format, in four steps on real hosts: two with firewalld, two with ufw."""

from __future__ import annotations

import re
from pathlib import Path

import fleet
import pytest
import testbed
import ufw_pair
import yaml

CATALOG = Path(__file__).parents[1] / 'unit' / 'cases' / 'wide_catalog.yml'
PLACES = {'mgmt1': 'acme.server', 'mgmt2': 'acme.agent', 'data1': 'acme.server', 'data2': 'acme.agent'}
VARIABLES = {
    'portmatrix_catalogs': [str(CATALOG)],
    'portmatrix_egress': 'deny',
    'portmatrix_peers': {'acme.client': ['203.0.113.0/24'], 'acme.mirror': ['203.0.113.9']},
    'acme_pod_cidr': ['10.42.0.0/16'],
    'acme_metrics_port': 9090,
    'acme_security': 'both',
    'acme_version': '8.10',
}
# what the kernel lists for a server and for an agent, as nft or iptables writes it
LISTED = {
    'acme.server': (r'239\.6\.7\.8', 'ff02::1:3', r'10\.42\.0\.0/16', '6800[-:]7300', r'203\.0\.113\.9'),
    'acme.agent': ('echo-request|icmp-type 8', 'ospf', '9090'),
}


@pytest.fixture
def inventory(tmp_path, plain_ufw):
    lab = testbed.inventory()
    hosts = {
        host: {
            **{key: value for key, value in lab['hosts'][host].items() if not key.startswith('portmatrix_')},
            'portmatrix_components': [component],
        }
        for host, component in PLACES.items()
    }
    kept = {key: value for key, value in lab['vars'].items() if key.startswith(('ansible_', 'portmatrix_'))}
    path = tmp_path / 'hosts.yml'
    path.write_text(yaml.safe_dump({'all': {'vars': {**kept, **VARIABLES}, 'hosts': hosts}}))
    yield path
    fleet.release()


def play(inventory, *arguments):
    run = testbed.play(*arguments, inventory_path=inventory)
    assert run.code == 0, run.output
    return run


def test_check_apply_again_release(inventory):
    before = testbed.host_states(PLACES)
    check = play(inventory, 'portmatrix.firewall.harden', '--check', '--diff')
    assert testbed.host_states(PLACES) == before, 'check mode changed something'
    run = play(inventory, 'portmatrix.firewall.harden', '--diff')
    assert run.statuses() == dict.fromkeys(PLACES, 'changed')
    for host, component in PLACES.items():
        assert run.results[host]['diff'] == check.results[host]['diff'], host
        assert run.results[host]['backend'] == ('ufw' if host in ufw_pair.HOSTS else 'firewalld')
        rules = testbed.kernel_rules(host) + testbed.filter_rules(host)
        assert not [text for text in LISTED[component] if not re.search(text, rules)], host
    hardened = testbed.host_states(PLACES)
    assert play(inventory, 'portmatrix.firewall.harden').statuses() == dict.fromkeys(PLACES, 'ok')
    assert testbed.host_states(PLACES) == hardened, 'the second run changed something'
    play(inventory, 'portmatrix.firewall.release')
    assert testbed.host_states(PLACES) == before, 'release did not restore the hosts'
