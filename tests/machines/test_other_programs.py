"""Other programs that change firewalls, on the same machine: NetworkManager, Docker, fail2ban."""

from __future__ import annotations

import json
import typing as t

import faults
import lab
import machine
import machine_fleets
import pytest
import testbed
from fleet import Fleet

# firewalld is running before it has done all its work, and Docker starts its own work then
RESTART_FIREWALLD = (
    'systemctl restart firewalld; for n in $(seq 99); do firewall-cmd -q --state && break; sleep 0.2; done; sleep 5'
)
# containers with only busybox in two networks; the web server of one is published
WEB = """
set -e; systemctl start docker
mkdir -p /root/web/bin; cp /bin/busybox /root/web/bin/; echo here > /root/web/index.html; tar -C /root/web -c . | docker import - web >/dev/null
run() { docker run -d --security-opt apparmor=unconfined "$@" web /bin/busybox httpd -f -p 80 -h / >/dev/null; }
docker network create other >/dev/null; run --name other --network other; run --name web -p 8080:80
"""
REMOVE_WEB = 'docker rm -f web other; docker network rm other; systemctl stop docker.socket docker containerd; ip link del docker0'
CONNECT_TO_OTHER = """
docker exec web /bin/busybox wget -q -T 3 -O- http://$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' other)/; true
"""
# a rule may exist twice, if Docker looks for it before it is restored after a reload, and then adds it
TABLES = "iptables-save | grep -e DOCKER -e docker0 | sed 's/ \\[.*//' | sort -u"
JAIL = '[DEFAULT]\nbackend = systemd\n[sshd]\nenabled = true\n'


def connects(host: str, port: int, source: str = 'edge1', expected: bool = True) -> bool:
    """Whether PORT of HOST answers SOURCE; one that is EXPECTED to answer has time to do so."""
    return testbed.connections(source, [('tcp', machine.HOSTS[host]['ansible_host'], port)], expected) == [True]


def test_the_policy_holds_in_every_zone_of_networkmanager(hosts, before, firewalld):
    """The zone trusted allows everything; the policy does not."""
    testbed.shell(firewalld, 'systemd-run --quiet --unit=web python3 -m http.server 9999 --bind ::')
    testbed.shell(firewalld, machine_fleets.move_command('trusted'))
    lab.wait_for(lambda: connects(firewalld, 9999, expected=False), 'the zone trusted', seconds=150)
    hosts.play()
    assert machine_fleets.zone(firewalld) == 'trusted' and not connects(firewalld, 9999, expected=False)
    testbed.shell(firewalld, RESTART_FIREWALLD)
    lab.wait_for(lambda: machine_fleets.zone(firewalld) == 'trusted', 'the zone trusted', seconds=150)
    assert not connects(firewalld, 9999, expected=False)
    hosts.release()
    assert machine_fleets.zone(firewalld) == 'trusted' and connects(firewalld, 9999)
    assert machine_fleets.DIRECT in testbed.shell(firewalld, 'firewall-cmd --direct --get-all-rules')
    testbed.shell(firewalld, f'systemctl stop web; {machine_fleets.move_command("")}')


@pytest.fixture
def docker(hosts, before):
    hosts.shell(WEB)
    yield
    hosts.map(faults.accept_new_connections)
    hosts.release()
    hosts.shell(f'{REMOVE_WEB}; true')


def container_connections(hosts: Fleet) -> dict[str, t.Any]:
    """Whether the published port answers, and whether the container can connect to another host."""
    to_other_host = 'docker exec web /bin/busybox nc -w 3 198.51.100.31 22 </dev/null 2>&1 | grep -o ^SSH; true'
    return hosts.map(lambda host: (connects(host, 8080, expected=False), testbed.shell(host, to_other_host).strip()))


def wait_for_containers(hosts: Fleet) -> None:
    """Docker writes its rules again whenever firewalld reloads, which takes time."""
    lab.wait_for(
        lambda: set(container_connections(hosts).values()) == {(True, 'SSH')},
        'the published port, or the connection of a container to another host,',
        seconds=300,
    )


NOT_ISOLATED = 'is not isolated from the other networks'


def assert_unchanged(hosts: Fleet, tables: dict[str, str]) -> None:
    """Docker's rules, and their effect, are as before."""
    wait_for_containers(hosts)
    assert hosts.shell(TABLES) == tables
    assert set(hosts.shell(CONNECT_TO_OTHER).values()) == {''}


def test_ports_that_docker_publishes_keep_working_and_are_reported(hosts, docker, firewalld):
    """So do the rules that isolate its networks, which it omits when firewalld reloads. If a reload by another program
    has removed them, a run warns."""
    wait_for_containers(hosts)
    tables = hosts.shell(TABLES)
    run = hosts.play()
    assert set(run.statuses().values()) == {'changed'}, run.output
    for host in hosts.hosts:
        assert (
            f'[WARNING]: {host}: containers publish 8080/tcp: this traffic is forwarded and bypasses the policy'
            in run.output
        )
    assert_unchanged(hosts, tables)
    testbed.shell(firewalld, RESTART_FIREWALLD)
    wait_for_containers(hosts)
    run = hosts.play()
    assert (
        set(run.statuses().values()) == {'ok'}
        and run.output.count(NOT_ISOLATED) == 1
        and f'{firewalld}: {NOT_ISOLATED}' in run.output
    ), run.output
    hosts.shell('systemctl restart docker; docker start web other')
    assert_unchanged(hosts, tables)
    hosts.release()
    assert_unchanged(hosts, tables)


def test_docker_keeps_working_when_a_change_is_rolled_back(hosts, docker):
    """That of a first application is a reload, that of a later change is none."""
    wait_for_containers(hosts)
    tables = hosts.shell(TABLES)
    for is_first in (True, False):
        if not is_first:
            run = hosts.play('-e', '{"portmatrix_management_sources": ["198.51.100.1", "192.0.2.77"]}')
            assert set(run.statuses().values()) == {'changed'}, run.output
        hosts.apply_and_kill_controller()
        hosts.map(faults.accept_new_connections)
        hosts.end_window()
        hosts.wait_until_decided()
        assert_unchanged(hosts, tables)


def assert_banned(hosts: Fleet, banned: str, other: str) -> None:
    assert not any(hosts.map(lambda host: connects(host, 22, banned, expected=False)).values())
    assert all(hosts.map(lambda host: connects(host, 22, other)).values())


def test_an_address_that_fail2ban_has_banned_stays_banned_although_the_policy_allows_it(hosts, before):
    hosts.shell(
        f"printf '{JAIL}' > /etc/fail2ban/jail.local; systemctl start fail2ban; for n in $(seq 99); do "
        "fail2ban-client ping && break; sleep 0.5; done"
    )
    hosts.shell('fail2ban-client set sshd banip 198.51.100.22')
    sources = json.dumps({'portmatrix_management_sources': ['198.51.100.1', '198.51.100.22', '198.51.100.32']})
    run = hosts.play('-e', sources)
    assert set(run.statuses().values()) == {'changed'}, run.output
    assert_banned(hosts, 'data2', 'edge2')
    assert set(hosts.play('-e', sources).statuses().values()) == {'ok'}
    hosts.shell('fail2ban-client set sshd unbanip 198.51.100.22')
    assert all(hosts.map(lambda host: connects(host, 22, 'data2')).values())
    hosts.shell('fail2ban-client set sshd banip 198.51.100.22')
    hosts.release()
    assert_banned(hosts, 'data2', 'edge1')
    hosts.shell('systemctl stop fail2ban; rm /etc/fail2ban/jail.local')
