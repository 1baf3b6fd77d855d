"""Scripts that start real clusters of products on hosts of the lab, and questions whether they are healthy. Nothing
here uses code of the collection."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import testbed
import yaml

INVENTORY = Path(__file__).with_name('hosts.yml')
HOSTS: dict[str, dict[str, t.Any]] = yaml.safe_load(INVENTORY.read_text())['all']['hosts']
NODES = ['node1', 'node2', 'node3']
ADDRESS = {name: host['ansible_host'] for name, host in HOSTS.items()}
_PEERS = ','.join(f'{name}=http://{ADDRESS[name]}:2380' for name in NODES)
ENDPOINTS = ','.join(f'http://{ADDRESS[name]}:2379' for name in NODES)

_NAMES = '\n'.join(f'{ADDRESS[name]} {name}' for name in NODES)
# what podman mounts cannot be replaced
KNOW_EACH_OTHER = f"""
(sed '/node[123]/d' /etc/hosts; echo '{_NAMES}') > /run/hosts; cat /run/hosts > /etc/hosts
"""


def etcd(name: str) -> str:
    urls = {
        'ETCD_NAME': name,
        'ETCD_LISTEN_PEER_URLS': 'http://0.0.0.0:2380',
        'ETCD_LISTEN_CLIENT_URLS': 'http://0.0.0.0:2379',
        'ETCD_INITIAL_ADVERTISE_PEER_URLS': f'http://{ADDRESS[name]}:2380',
        'ETCD_ADVERTISE_CLIENT_URLS': f'http://{ADDRESS[name]}:2379',
        'ETCD_INITIAL_CLUSTER': _PEERS,
        'ETCD_INITIAL_CLUSTER_STATE': 'new',
        # the machine is busy with five playbook runs at once, which the defaults (100 and 1000) take for a dead leader
        'ETCD_HEARTBEAT_INTERVAL': '500',
        'ETCD_ELECTION_TIMEOUT': '5000',
    }
    settings = '\n'.join(f'{key}="{value}"' for key, value in urls.items())
    return f"cat > /etc/default/etcd <<'END'\n{settings}\nEND\nsystemctl start --no-block etcd"


def redis(name: str) -> str:
    primary = ADDRESS['node1']
    sentinel = (
        f'sentinel monitor mymaster {primary} 6379 2',
        'sentinel down-after-milliseconds mymaster 3000',
        'sentinel failover-timeout mymaster 10000',
    )
    lines = '\n'.join(sentinel)
    return f'''
cd /etc/redis
sed -i 's/^bind .*/bind * -::*/; s/^protected-mode .*/protected-mode no/' redis.conf sentinel.conf
{'' if name == 'node1' else f'echo replicaof {primary} 6379 >> redis.conf'}
sed -i '/^sentinel monitor/d; /^sentinel [a-z-]* mymaster/d' sentinel.conf
echo '{lines}' >> sentinel.conf
systemctl start redis-server redis-sentinel
'''


RABBITMQ = """
cd /var/lib/rabbitmq; printf portmatrix > .erlang.cookie; chown rabbitmq: .erlang.cookie; chmod 400 .erlang.cookie
systemctl start epmd.socket rabbitmq-server
"""
JOIN_RABBITMQ = 'rabbitmqctl -q stop_app && rabbitmqctl -q join_cluster rabbit@node1 && rabbitmqctl -q start_app'


def galera(name: str) -> str:
    others = ','.join(ADDRESS[node] for node in NODES)
    settings = {
        'wsrep_on': 'ON',
        'wsrep_provider': '/usr/lib/galera/libgalera_smm.so',
        'wsrep_cluster_name': 'lab',
        'wsrep_cluster_address': f'gcomm://{others}',
        'wsrep_node_address': ADDRESS[name],
        'wsrep_sst_method': 'rsync',
        'binlog_format': 'row',
        'default_storage_engine': 'InnoDB',
        'innodb_autoinc_lock_mode': '2',
        'bind-address': '0.0.0.0',
        'skip-name-resolve': 'ON',
        'innodb_buffer_pool_size': '64M',
    }
    text = '\n'.join(f'{key} = {value}' for key, value in settings.items())
    start = 'galera_new_cluster' if name == 'node1' else 'systemctl start mariadb'
    return f"printf '[mysqld]\\n%s\\n' '{text}' > /etc/mysql/mariadb.conf.d/60-galera.cnf\n{start}"


PROMETHEUS = {
    'global': {'scrape_interval': '1s'},
    'scrape_configs': [
        {'job_name': 'node', 'static_configs': [{'targets': [f'{ADDRESS[name]}:9100' for name in NODES]}]},
        {'job_name': 'etcd', 'static_configs': [{'targets': [f'{ADDRESS[name]}:2379' for name in NODES]}]},
    ],
}


def start() -> None:
    """Start all clusters; their members find each other."""
    testbed.map_hosts(lambda name: testbed.shell(name, KNOW_EACH_OTHER), HOSTS)
    testbed.map_hosts(lambda name: testbed.shell(name, etcd(name)), NODES)
    testbed.map_hosts(lambda name: testbed.shell(name, redis(name)), NODES)
    testbed.map_hosts(lambda name: testbed.shell(name, 'systemctl start prometheus-node-exporter'), NODES)
    testbed.map_hosts(lambda name: testbed.shell(name, RABBITMQ), NODES)
    for name in NODES[1:]:
        testbed.shell(name, JOIN_RABBITMQ)
    for name in NODES:
        testbed.shell(name, galera(name))
    testbed.run_command('monitor', 'sh', '-c', 'cat > /etc/prometheus/prometheus.yml', text=json.dumps(PROMETHEUS))
    testbed.shell('monitor', 'systemctl restart prometheus')


def _etcd_is_healthy() -> bool:
    out = testbed.shell('app', f'ETCDCTL_API=3 etcdctl --endpoints={ENDPOINTS} endpoint health 2>&1', check=False)
    listing = testbed.shell('app', f'etcdctl --endpoints={ENDPOINTS} endpoint status 2>/dev/null | wc -l', check=False)
    return out.count('is healthy') == 3 and listing.strip() == '3'


def _redis_is_healthy() -> bool:
    quorum = testbed.shell('app', f'redis-cli -h {ADDRESS["node1"]} -p 26379 sentinel ckquorum mymaster', check=False)
    primary = redis_primary()
    replicas = testbed.shell('app', f'redis-cli -h {primary} info replication', check=False) if primary else ''
    return 'OK 3 usable Sentinels' in quorum and replicas.count('state=online') == 2


def redis_primary() -> str:
    """Its address, as the Sentinels tell it."""
    command = f'redis-cli -h {ADDRESS["node2"]} -p 26379 sentinel get-master-addr-by-name mymaster'
    return (testbed.shell('app', command, check=False).split() or [''])[0]


def _rabbitmq_is_healthy() -> bool:
    text = testbed.shell('node1', 'rabbitmqctl -q cluster_status --formatter json', check=False)
    try:
        status = json.loads(text)
    except ValueError:
        return False
    return len(status['running_nodes']) == 3 and not status['partitions']


def _galera_is_healthy() -> bool:
    query = "mariadb -N -e \"show status where variable_name in ('wsrep_cluster_size', 'wsrep_local_state_comment')\""
    return all(set(testbed.shell(name, query, check=False).split()[1::2]) == {'3', 'Synced'} for name in NODES)


def _prometheus_is_healthy() -> bool:
    out = testbed.shell(
        'monitor',
        'python3 -c "import urllib.request as r; print(r.urlopen(\'http://127.0.0.1:9090/api/v1/query?query=up\').read().decode())"',
        check=False,
    )
    try:
        results = json.loads(out)['data']['result']
    except ValueError:
        return False
    return len(results) == 6 and all(result['value'][1] == '1' for result in results)


HEALTH = {
    'etcd': _etcd_is_healthy,
    'Redis': _redis_is_healthy,
    'RabbitMQ': _rabbitmq_is_healthy,
    'Galera': _galera_is_healthy,
    'Prometheus': _prometheus_is_healthy,
}


def unhealthy(seconds: float) -> list[str]:
    """What is not healthy within SECONDS."""
    deadline = time.monotonic() + seconds
    waiting = list(HEALTH)
    while True:
        waiting = [name for name in waiting if not HEALTH[name]()]
        if not waiting or time.monotonic() > deadline:
            return waiting
        time.sleep(1)
