"""ufw on real hosts: rules of others, what ufw's own files let in, sessions, peers by the thousand. Judged by ufw's
own status, iptables-save and packets."""

from __future__ import annotations

import json
import re
import subprocess

import fleet
import lab
import world
from ufw_pair import HOSTS, LIMIT, ON, hardened, saved

FOREIGN = f"""
{ON}; ufw allow 80/tcp comment 'the web'; ufw deny from 192.0.2.5; ufw limit log 2222/tcp; ufw allow in on eth0 proto udp from 192.0.2.0/24
ufw route allow in on eth0 out on eth1 to 192.0.2.9 port 81 proto tcp; ufw allow from 2001:db8:5::/64 to any port 8000:8010 proto tcp; ufw allow out 99
ufw allow 'WWW Full'; ufw reload
"""


def foreign(host: str) -> str:
    """The rules of others in their order, as ufw lists them."""
    return '\n'.join(
        line for line in world.shell(host, 'ufw show added').splitlines() if "comment 'portmatrix" not in line
    )


def answers(host: str, port: int, source: str = 'edge2') -> list[bool]:
    addresses = (world.HOSTS[host]['ansible_host'], world.HOSTS[host]['lab_ipv6'])
    return world.probe(source, 'connect', {'targets': [['tcp', address, port] for address in addresses]})


def test_rules_of_others_stay_in_their_order_and_are_reported(plain_ufw):
    for host in HOSTS:
        world.shell(host, FOREIGN)
    before = {host: (foreign(host), world.picture(host)) for host in HOSTS}
    assert all(len(text.splitlines()) == 10 for text, _picture in before.values())
    run = hardened('--diff')
    assert run.statuses() == dict.fromkeys(HOSTS, 'changed')
    assert ' not in the policy, but open: ufw allow in proto tcp to any port 80\n' in run.output
    for host in HOSTS:
        assert foreign(host) == before[host][0]
        status = world.shell(host, 'ufw status')
        assert re.search(r'22/tcp +ALLOW +198\.51\.100\.1 +# portmatrix management', status), status
        assert 'rules not managed by portmatrix allow what the policy does not' in run.output
        # what others add afterwards comes after ours, and is left there
        world.shell(host, "ufw allow 82/tcp; ufw insert 1 deny from 192.0.2.6")
    assert hardened().statuses() == dict.fromkeys(HOSTS, 'ok')
    for host in HOSTS:
        world.shell(host, 'ufw delete allow 82/tcp; ufw delete deny from 192.0.2.6')
        assert 'comment' in world.shell(host, 'ufw show added')
    assert world.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'changed')
    assert world.pictures(HOSTS) == {host: picture for host, (_text, picture) in before.items()}


def test_exclusive_takes_the_effect_of_what_others_let_in_and_gives_it_back(plain_ufw):
    servers = {host: world.serve(host, [('tcp', 80), ('udp', 68)]) for host in HOSTS}
    try:
        for host in HOSTS:
            world.shell(host, f'{ON}; ufw allow 80/tcp')
        files = {host: world.shell(host, 'sha256sum /etc/ufw/before*.rules') for host in HOSTS}
        # each time from another host: the kernel takes the same again for the same conversation
        for exclusive, passes, source in ((False, True, 'edge2'), (True, False, 'edge1'), (False, True, 'mgmt2')):
            run = hardened('--diff', '-e', json.dumps({'portmatrix_exclusive': exclusive}))
            assert run.statuses() == dict.fromkeys(HOSTS, 'changed'), run.output
            for host in HOSTS:
                assert answers(host, 80, source) == [passes, passes]
                assert dhcp_leaks(host, source) is passes
                rules = saved(host)
                for address in ('224.0.0.251/32', '239.255.255.250/32', 'ff02::fb/128', 'ff02::f/128'):
                    assert (address in rules) is passes, address
                assert 'ufw allow 80/tcp' in foreign(host)
                assert (
                    'not in the policy, but open: /etc/ufw/before.rules: mDNS' in run.results[host]['diff']['after']
                ) is passes
            assert hardened('-e', json.dumps({'portmatrix_exclusive': exclusive})).statuses() == dict.fromkeys(
                HOSTS, 'ok'
            )
        assert world.play('portmatrix.firewall.release', *LIMIT).code == 0
        assert {host: world.shell(host, 'sha256sum /etc/ufw/before*.rules') for host in HOSTS} == files
    finally:
        for host, server in servers.items():
            world.stop_serving(host, server)


def dhcp_leaks(host: str, source: str) -> bool:
    """Whether SOURCE reaches UDP port 68 from port 67, as ufw's before.rules allow."""
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.bind(('', 67)); "
        f"s.sendto(b'x', ('{world.HOSTS[host]['ansible_host']}', 68)); print(s.recv(9))"
    )
    return 'x' in world.on(source, 'python3', '-c', script, check=False)


def test_a_denial_of_others_before_ours_is_reported(plain_ufw):
    for host in HOSTS:
        world.shell(host, f'{ON}; ufw deny proto tcp from 198.51.100.11 to any port 443')
    run = hardened()
    assert (
        'rules not managed by portmatrix deny what the policy allows, and come first: deny in proto tcp from '
        '198.51.100.11' in run.output
    )
    assert answers('data2', 443, 'mgmt1')[0] is False


def test_what_is_ours_goes_from_both_firewalls(plain_ufw):
    """A host that was hardened by ufw, and then by firewalld: released, both are as they were, and the change in force
    is confirmed."""
    untouched = {host: world.picture(host)['files'] for host in HOSTS}
    try:
        assert world.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=ufw').code == 0
        world.on_all(
            lambda host: world.shell(
                host, f'ufw --force disable >/dev/null; {fleet.CLEAR_TABLES}; systemctl start firewalld'
            ),
            HOSTS,
        )
        assert world.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=firewalld').code == 0
        run = world.play('portmatrix.firewall.release', *LIMIT)
        assert run.statuses() == dict.fromkeys(HOSTS, 'changed') and all(
            run.results[host]['backend'] == 'ufw, firewalld' for host in HOSTS
        ), run.output
        assert world.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'ok')
        for host in HOSTS:
            assert world.picture(host)['files'] == untouched[host]
            assert 'portmatrix' not in world.shell(host, 'nft list ruleset; firewall-cmd --get-policies')
    finally:
        world.on_all(lambda host: world.shell(host, 'systemctl stop firewalld', check=False), HOSTS)


def test_a_session_lives_on_while_ufw_starts_and_denies_egress(plain_ufw):
    for host in HOSTS:
        command = [
            'ssh',
            *lab.ssh_options(),
            f'ops@{world.HOSTS[host]["ansible_host"]}',
            'for n in $(seq 80); do echo $n; sleep 0.1; done',
        ]
        session = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert session.stdout.readline() == '1\n'
        run = world.play('portmatrix.firewall.harden', '-l', host, '-e', 'portmatrix_egress=deny')
        assert run.statuses() == {host: 'changed'}, run.output
        assert session.stdout.read().split()[-1] == '80' and session.wait(10) == 0
        assert world.play('portmatrix.firewall.harden', '-l', host, '-e', 'portmatrix_egress=deny').statuses() == {
            host: 'ok'
        }
        assert 'reject (outgoing)' in world.shell(host, 'ufw status verbose')


def test_peers_by_the_thousand(plain_ufw):
    """Rules grow with peers, not with peers times flows; all of them are one transaction."""
    peers = [f'203.0.{number // 250}.{number % 250 + 1}' for number in range(0, 3000, 2)]
    arguments = (
        '-e',
        json.dumps({'portmatrix_peers': {'enstratius.internet': ['192.0.2.1'], 'avi_vantage.controller': peers}}),
    )
    run = hardened(*arguments)
    assert run.statuses() == dict.fromkeys(HOSTS, 'changed'), run.output
    for host in HOSTS:
        lines = [line for line in saved(host).splitlines() if '-s 203.0.' in line]
        assert len(lines) == 1500 and all('multiport' in line for line in lines), lines[:3]
        assert len(json.dumps(run.results[host])) < 20_000
    assert hardened(*arguments).statuses() == dict.fromkeys(HOSTS, 'ok')


def hold(source: str, host: str, port: int) -> list[subprocess.Popen]:
    """A connection from SOURCE to a server on HOST that stands until the processes are killed."""
    address = world.HOSTS[host]['ansible_host']
    server = subprocess.Popen(
        [*lab.enter(host), 'python3', '-m', 'http.server', str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    world.shell(host, f'for n in $(seq 100); do ss -Hltn sport = :{port} | grep -q . && exit; sleep 0.1; done; exit 1')
    script = f"import socket, time; s = socket.create_connection(('{address}', {port})); print('open', flush=True); time.sleep(120)"
    client = subprocess.Popen([*lab.enter(source), 'python3', '-c', script], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == 'open\n'
    return [server, client]


def test_documented_connections_that_stand_have_to_pass_where_that_is_asked_for(plain_ufw):
    """Denials of others, without effect until ufw starts, would cut a connection that came in and one that went out."""
    held = [*hold('edge1', 'data2', 8098), *hold('data1', 'data2', 5994)]
    arguments = (
        '-e',
        'portmatrix_confirm_connections=true',
        '-e',
        'portmatrix_egress=deny',
        '-e',
        'portmatrix_confirm_timeout=10',
    )
    try:
        world.shell('data2', 'ufw deny from 198.51.100.31')
        world.shell('data1', 'ufw deny out to 198.51.100.22')
        before = world.pictures(HOSTS)
        run = world.play('portmatrix.firewall.harden', *LIMIT, *arguments)
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert 'are denied now: ingress tcp 8098 from 198.51.100.31' in run.results['data2']['msg']
        assert 'are denied now: egress tcp 5994 to 198.51.100.22' in run.results['data1']['msg']
        assert world.pictures(HOSTS) == before
        for host, rule in (('data2', 'deny from 198.51.100.31'), ('data1', 'deny out to 198.51.100.22')):
            world.shell(host, f'ufw delete {rule}')
        assert hardened(*arguments).statuses() == dict.fromkeys(HOSTS, 'changed')
    finally:
        for host in ('data1', 'data2', 'edge1'):
            world.shell(host, "pkill -f '[h]ttp.server'; pkill -f '[c]reate_connection'; true")
        for process in held:
            process.wait(10)


def test_ports_that_containers_publish_are_named(plain_ufw):
    """Docker's own rules, without Docker: a bridge and a chain in the table nat."""
    publish = 'iptables -t nat -N DOCKER; iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80'
    try:
        for host in HOSTS:
            world.shell(host, f'ip link add docker0 type bridge; {publish}')
        run = hardened()
        assert (
            'containers publish 8080/tcp: this traffic is forwarded and bypasses the policy of the host' in run.output
        )
        assert all('--to-destination 172.17.0.2:80' in world.shell(host, 'iptables-save -t nat') for host in HOSTS)
    finally:
        for host in HOSTS:
            world.shell(
                host,
                'ip link del docker0; iptables -t nat -F DOCKER; iptables -t nat -X DOCKER; nft delete table ip nat',
            )
