"""ufw on real hosts: connections that are established when the rules change."""

from __future__ import annotations

import subprocess
import time

import lab
import testbed
from ufw_pair import HOSTS, LIMIT, harden


def test_a_session_survives_the_start_of_ufw_with_denied_egress(plain_ufw):
    for host in HOSTS:
        # prints the time since boot, which is that of this machine, too
        command = [
            *('timeout', '600', 'ssh', *lab.ssh_options(), f'ops@{testbed.HOSTS[host]["ansible_host"]}'),
            'while cut -d" " -f1 /proc/uptime; do sleep 0.1; done',
        ]
        session = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert float(session.stdout.readline()) > 0
            run = testbed.play('portmatrix.firewall.harden', '-l', host, '-e', 'portmatrix_egress=deny')
            end = time.clock_gettime(time.CLOCK_BOOTTIME)
            assert run.statuses() == {host: 'changed'}, run.output
            assert any(float(line) > end for line in session.stdout), 'the session ended'
        finally:
            session.terminate()
            session.communicate(timeout=60)
        arguments = ('-l', host, '-e', 'portmatrix_egress=deny')
        assert testbed.play('portmatrix.firewall.harden', *arguments).statuses() == {host: 'ok'}
        assert 'reject (outgoing)' in testbed.shell(host, 'ufw status verbose')


def open_connection(source: str, host: str, port: int) -> list[subprocess.Popen]:
    """Establish a connection from SOURCE to a server on HOST, until the returned processes are killed."""
    address = testbed.HOSTS[host]['ansible_host']
    server = subprocess.Popen(
        [*lab.host_command(host), 'python3', '-m', 'http.server', str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    testbed.shell(
        host, f'for n in $(seq 600); do ss -Hltn sport = :{port} | grep -q . && exit; sleep 0.1; done; exit 1'
    )
    script = f"import socket, time; s = socket.create_connection(('{address}', {port})); print('open', flush=True); time.sleep(600)"
    client = subprocess.Popen([*lab.host_command(source), 'python3', '-c', script], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == 'open\n'
    return [server, client]


def test_established_documented_connections_must_pass_with_confirm_connections(plain_ufw):
    """Unmanaged denials, without effect until ufw starts, would drop an incoming and an outgoing connection."""
    processes = [*open_connection('edge1', 'data2', 8098), *open_connection('data1', 'data2', 5994)]
    arguments = (
        '-e',
        'portmatrix_confirm_connections=true',
        '-e',
        'portmatrix_egress=deny',
        '-e',
        'portmatrix_confirm_timeout=60',
    )
    try:
        testbed.shell('data2', 'ufw deny from 198.51.100.31')
        testbed.shell('data1', 'ufw deny out to 198.51.100.22')
        before = testbed.host_states(HOSTS)
        run = testbed.play('portmatrix.firewall.harden', *LIMIT, *arguments)
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert 'are denied now: ingress tcp 8098 from 198.51.100.31' in run.results['data2']['msg']
        assert 'are denied now: egress tcp 5994 to 198.51.100.22' in run.results['data1']['msg']
        assert testbed.host_states(HOSTS) == before
        for host, rule in (('data2', 'deny from 198.51.100.31'), ('data1', 'deny out to 198.51.100.22')):
            testbed.shell(host, f'ufw delete {rule}')
        assert harden(*arguments).statuses() == dict.fromkeys(HOSTS, 'changed')
    finally:
        for host in ('data1', 'data2', 'edge1'):
            testbed.shell(host, "pkill -f '[h]ttp.server'; pkill -f '[c]reate_connection'; true")
        for process in processes:
            process.wait(60)
