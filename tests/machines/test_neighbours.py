"""Others at work on the same machine, each of them the real one: NetworkManager, Docker, fail2ban."""

from __future__ import annotations

import json
import typing as t

import faults
import lab
import machine
import pytest
import stock
import world
from fleet import Fleet

# firewalld is there before it has done all its work, and Docker does its own when it hears of it
RESTART_FIREWALLD = (
    'systemctl restart firewalld; for n in $(seq 99); do firewall-cmd -q --state && break; sleep 0.2; done; sleep 5'
)
# containers of nothing but busybox in two networks; the web server of one is published
WEB = """
set -e; systemctl start docker
mkdir -p /root/web/bin; cp /bin/busybox /root/web/bin/; echo here > /root/web/index.html; tar -C /root/web -c . | docker import - web >/dev/null
run() { docker run -d --security-opt apparmor=unconfined "$@" web /bin/busybox httpd -f -p 80 -h / >/dev/null; }
docker network create other >/dev/null; run --name other --network other; run --name web -p 8080:80
"""
NO_WEB = 'docker rm -f web other; docker network rm other; systemctl stop docker.socket docker containerd; ip link del docker0'
REACH_OTHER = """
docker exec web /bin/busybox wget -q -T 3 -O- http://$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' other)/; true
"""
# one may stand there twice, where Docker looks for it before it is put back after a reload, and adds it then
TABLES = "iptables-save | grep -e DOCKER -e docker0 | sed 's/ \\[.*//' | sort -u"
JAIL = '[DEFAULT]\nbackend = systemd\n[sshd]\nenabled = true\n'


def reaches(host: str, port: int, source: str = 'edge1') -> bool:
    return world.probe(source, 'connect', {'targets': [['tcp', machine.HOSTS[host]['ansible_host'], port]]}) == [True]


def test_zones_of_networkmanager_make_no_difference(hosts, before, firewalld):
    """The zone trusted admits everything; the policy does not."""
    world.shell(firewalld, 'systemd-run --quiet --unit=web python3 -m http.server 9999 --bind ::')
    world.shell(firewalld, stock.move('trusted'))
    lab.wait_for(lambda: reaches(firewalld, 9999), 'the zone trusted', seconds=30)
    hosts.play()
    assert stock.zone(firewalld) == 'trusted' and not reaches(firewalld, 9999)
    world.shell(firewalld, RESTART_FIREWALLD)
    assert stock.zone(firewalld) == 'trusted' and not reaches(firewalld, 9999)
    hosts.release()
    assert stock.zone(firewalld) == 'trusted' and reaches(firewalld, 9999)
    assert stock.DIRECT in world.shell(firewalld, 'firewall-cmd --direct --get-all-rules')
    world.shell(firewalld, f'systemctl stop web; {stock.move("")}')


@pytest.fixture
def docker(hosts, before):
    hosts.shell(WEB)
    yield
    hosts.all(faults.answer_again)
    hosts.release()
    hosts.shell(f'{NO_WEB}; true')


def ways(hosts: Fleet) -> dict[str, t.Any]:
    """Whether the published port answers, and the container reaches another host."""
    out = 'docker exec web /bin/busybox nc -w 3 198.51.100.31 22 </dev/null 2>&1 | grep -o ^SSH; true'
    return hosts.all(lambda host: (reaches(host, 8080), world.shell(host, out).strip()))


def wait_for_ways(hosts: Fleet) -> None:
    """Docker writes its rules anew whenever firewalld reloads, and takes its time."""
    lab.wait_for(lambda: set(ways(hosts).values()) == {(True, 'SSH')}, 'the published port, or the way out', seconds=60)


MIXED = 'is not isolated from the other networks'


def as_ever(hosts: Fleet, tables: dict[str, str]) -> None:
    """Docker's rules, and what they are for."""
    wait_for_ways(hosts)
    assert hosts.shell(TABLES) == tables
    assert set(hosts.shell(REACH_OTHER).values()) == {''}


def test_ports_that_docker_publishes_keep_working_and_are_named(hosts, docker, firewalld):
    """So do the rules that keep its networks apart, which it forgets when firewalld reloads; where somebody else's
    reload took them, a run says so."""
    wait_for_ways(hosts)
    tables = hosts.shell(TABLES)
    run = hosts.play()
    assert set(run.statuses().values()) == {'changed'}, run.output
    for host in hosts.hosts:
        assert (
            f'[WARNING]: {host}: containers publish 8080/tcp: that traffic is forwarded and bypasses the policy'
            in run.output
        )
    as_ever(hosts, tables)
    world.shell(firewalld, RESTART_FIREWALLD)
    wait_for_ways(hosts)
    run = hosts.play()
    assert (
        set(run.statuses().values()) == {'ok'}
        and run.output.count(MIXED) == 1
        and f'{firewalld}: {MIXED}' in run.output
    ), run.output
    hosts.shell('systemctl restart docker; docker start web other')
    as_ever(hosts, tables)
    hosts.release()
    as_ever(hosts, tables)


def test_docker_keeps_working_when_a_change_is_rolled_back(hosts, docker):
    """A change without a reload, too, as its way back is one."""
    wait_for_ways(hosts)
    tables = hosts.shell(TABLES)
    run = hosts.play('-e', '{"portmatrix_management_sources": ["198.51.100.1", "192.0.2.77"]}')
    assert set(run.statuses().values()) == {'changed'}, run.output
    hosts.lose_the_controller()
    hosts.wait_until_decided()
    as_ever(hosts, tables)


def test_an_address_that_fail2ban_banned_stays_banned_though_the_policy_admits_it(hosts, before):
    hosts.shell(
        f"printf '{JAIL}' > /etc/fail2ban/jail.local; systemctl start fail2ban; for n in $(seq 99); do "
        "fail2ban-client ping && break; sleep 0.5; done"
    )
    hosts.shell('fail2ban-client set sshd banip 198.51.100.22')
    sources = json.dumps({'portmatrix_management_sources': ['198.51.100.1', '198.51.100.22', '198.51.100.32']})
    run = hosts.play('-e', sources)
    assert set(run.statuses().values()) == {'changed'}, run.output
    assert hosts.all(lambda host: [reaches(host, 22, source) for source in ('data2', 'edge2')]) == dict.fromkeys(
        hosts.hosts, [False, True]
    )
    assert set(hosts.play('-e', sources).statuses().values()) == {'ok'}
    hosts.shell('fail2ban-client set sshd unbanip 198.51.100.22')
    assert all(hosts.all(lambda host: reaches(host, 22, 'data2')).values())
    hosts.shell('fail2ban-client set sshd banip 198.51.100.22')
    hosts.release()
    assert hosts.all(lambda host: [reaches(host, 22, source) for source in ('data2', 'edge1')]) == dict.fromkeys(
        hosts.hosts, [False, True]
    )
    hosts.shell('systemctl stop fail2ban; rm /etc/fail2ban/jail.local')
