"""Real clusters of products, as Debian packages them, are hardened while they work: they stay healthy before, during
and after, also when members restart, and an outsider sees nothing."""

from __future__ import annotations

import contextlib
import difflib
import json
import subprocess
import time
from pathlib import Path

import clusters
import firewall_scripts
import lab
import pytest
import testbed
from clusters import ADDRESS, HOSTS, INVENTORY, NODES

APPLICATION = Path(__file__).with_name('application.py')
UFW = [name for name, host in HOSTS.items() if host.get('lab_firewall') == 'ufw']
MANAGED = [*NODES, 'monitor', 'app']
# what the clusters listen on
PORTS = [22, 2379, 2380, 3306, 4369, 4567, 5672, 6379, 9100, 25672, 26379]
SECONDS = 90


def play(playbook, *arguments):
    run = testbed.play(f'portmatrix.firewall.{playbook}', *arguments, inventory_path=INVENTORY)
    assert run.code == 0, run.output
    return run


def difference(*results):
    """The lines in which the diffs of two results differ."""
    one, other = (result['diff']['before'].splitlines() + result['diff']['after'].splitlines() for result in results)
    return [line for line in difflib.unified_diff(one, other, n=0, lineterm='') if line[:2] not in ('--', '++', '@@')]


def managed(run):
    return {host: status for host, status in run.statuses().items() if host in MANAGED}


def seen_by(source):
    """The ports of each node that SOURCE reaches, over IPv4."""
    targets = [('tcp', ADDRESS[name], port) for name in NODES for port in PORTS]
    answers = testbed.connections(source, targets, True)
    return {target[2] for target, answer in zip(targets, answers) if answer}


@contextlib.contextmanager
def application_running():
    """Uses the clusters meanwhile; yields a dictionary that has the result in the end."""
    testbed.run_command('app', 'sh', '-c', 'cat > /run/application.py', text=APPLICATION.read_text())
    process = subprocess.Popen(
        [*lab.host_command('app'), 'python3', '/run/application.py', *(ADDRESS[name] for name in NODES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    result = {}
    try:
        assert process.stdout.readline() == 'ready\n'
        yield result
    finally:
        process.stdin.close()
        result.update(json.loads(process.stdout.read()))
        process.wait(60)


@pytest.fixture(scope='module')
def running():
    """The clusters, on hosts that let everybody in: firewalld trusts every zone, ufw is off."""
    testbed.map_hosts(lambda name: testbed.shell(name, 'firewall-cmd -q --set-default-zone=trusted'), HOSTS)
    testbed.map_hosts(lambda name: testbed.shell(name, firewall_scripts.SWITCH_TO_UFW), UFW)
    clusters.start()
    assert clusters.unhealthy(SECONDS) == []


def test_clusters_are_hardened_while_they_work(running):
    before = testbed.host_states(HOSTS)
    assert seen_by('outsider') == set(PORTS)
    check = play('harden', '--check', '--diff')
    assert testbed.host_states(HOSTS) == before, 'check mode changed something'
    with application_running() as used:
        run = play('harden', '--diff')
        time.sleep(3)
    assert managed(run) == dict.fromkeys(MANAGED, 'changed')
    for host in MANAGED:
        assert not difference(check.results[host], run.results[host]), host
    assert used['tried'] > 100 and used['failed'] == []
    assert clusters.unhealthy(20) == []
    assert seen_by('outsider') == set()
    assert seen_by('app') == {2379, 3306, 5672, 6379, 26379}
    assert seen_by('monitor') == {2379, 9100}
    assert managed(play('harden')) == dict.fromkeys(MANAGED, 'ok')


ETCDCTL = 'etcdctl --endpoints=http://{node1}:2379'
# what happens to a member -> (host, script), one after the other; everything that is opened then is a new connection
EVENTS = {
    'a member of etcd restarts (egress is denied)': [('node2', 'systemctl restart etcd')],
    'a member of etcd loses its data': [
        ('node3', 'systemctl stop etcd; rm -rf /var/lib/etcd/default'),
        ('app', f'{ETCDCTL} member remove $({ETCDCTL} member list | grep node3 | cut -d, -f1)'),
        # etcd takes no member before the others know each other for some seconds
        (
            'app',
            f'for n in $(seq 30); do {ETCDCTL} member add node3 --peer-urls=http://{{node3}}:2380 && exit; sleep 1;'
            'done; exit 1',
        ),
        ('node3', """sed -i 's/="new"/="existing"/' /etc/default/etcd; systemctl start etcd"""),
    ],
    'the primary of Redis changes': [('app', 'redis-cli -h {node2} -p 26379 sentinel failover mymaster; sleep 5')],
    'a node of RabbitMQ restarts (egress is denied)': [('node2', 'systemctl restart rabbitmq-server')],
    'a node of Galera restarts: incremental transfer': [('node3', 'systemctl restart mariadb')],
    'a node of Galera loses its state: full transfer (egress is denied)': [
        ('node2', 'systemctl stop mariadb; cd /var/lib/mysql; rm -f grastate.dat galera.cache; systemctl start mariadb')
    ],
    'Prometheus restarts': [('monitor', 'systemctl restart prometheus')],
}


@pytest.mark.parametrize('event', EVENTS)
def test_members_find_each_other_again(running, event):
    for host, script in EVENTS[event]:
        testbed.shell(host, script.format(**ADDRESS))
    assert clusters.unhealthy(SECONDS) == []


def test_release_restores_the_hosts(running):
    states = testbed.host_states(HOSTS)
    with application_running() as used:
        run = play('release')
        time.sleep(2)
    assert managed(run) == dict.fromkeys(MANAGED, 'changed')
    assert used['failed'] == []
    assert clusters.unhealthy(20) == []
    assert testbed.host_states(HOSTS) != states and seen_by('outsider') == set(PORTS)
