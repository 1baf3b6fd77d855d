"""Faults that happen on a host of the lab during a change: programs that kill their caller, connections that hang."""

from __future__ import annotations

import subprocess
import typing as t

import lab
import testbed

KILL = 'kill -9 $PPID; sleep 0.2'
# the program NAME is replaced by one that runs BEFORE or AFTER once, when its arguments match PATTERN
_WRAPPER = r"""
rm -f /run/fault
mkdir -p /usr/local/bin
cat > {place} <<'END'
#!/bin/sh
case "$*" in {pattern}) if [ ! -e /run/fault ]; then touch /run/fault; hit=1; {before}; fi ;; esac
{real} "$@"; code=$?
if [ -n "$hit" ]; then {after}; fi
exit $code
END
chmod +x {place}
"""
_REMOVE = (
    'pkill -f "[f]ault waits"; cd /usr/sbin; for f in *tables-restore.real; do [ -e $f ] && mv $f ${f%.real}; done; '
    'rm -f /usr/local/bin/* /run/fault;'
    'nft delete table inet fault 2>/dev/null'
)
_DROP = (
    'table inet fault { chain input { type filter hook input priority -300; '
    'ip saddr 198.51.100.1 tcp dport 22 tcp flags syn drop; }; }'
)
_ACCEPT = 'nft delete table inet fault'
# what loads the rules of ufw into the kernel, one family after the other
LOAD4, LOAD6 = ('iptables-restore', '"-w 10 -n"'), ('ip6tables-restore', '"-w 10 -n"')
# a change is pending and undecided; it is in force as well
ARMED = 'test -e /var/lib/portmatrix/pending/armed'
APPLIED = 'test -e /var/lib/portmatrix/pending/applied'
# until another process waits for a lock that is held (the lock of ufw, in the tests)
UNTIL_A_LOCK_IS_AWAITED = 'for n in $(seq 600); do grep -q -- "-> POSIX" /proc/locks && break; sleep 0.1; done'


class Fault(t.NamedTuple):
    """PROGRAM, once, when its arguments match PATTERN (of `case` in sh), also runs the script BEFORE or AFTER."""

    program: str
    pattern: str
    before: str = ':'
    after: str = ':'


def install(host: str, fault: Fault) -> None:
    place, real = f'/usr/local/bin/{fault.program}', f'/usr/bin/{fault.program}'
    if 'tables' in fault.program:  # called by its full path, and one program with many names
        testbed.shell(host, f'mv /usr/sbin/{fault.program} /usr/sbin/{fault.program}.real')
        place, real = f'/usr/sbin/{fault.program}', f'xtables-nft-multi {fault.program}'
    testbed.shell(host, _WRAPPER.format(place=place, real=real, **fault._asdict()))


def has_happened(host: str) -> bool:
    return testbed.shell(host, 'ls /run/fault 2>/dev/null; true') != ''


def remove(host: str) -> None:
    testbed.shell(host, f'{_REMOVE}; true')


def run_when(host: str, condition: str, script: str) -> None:
    """Run SCRIPT once on HOST, in the background, as soon as the command CONDITION succeeds there."""
    testbed.shell(
        host,
        f'(: fault waits; for n in $(seq 20000); do if {condition}; then {script}; break; fi; sleep 0.02; done) '
        '>/dev/null 2>&1 &',
    )


def until(condition: str) -> str:
    """A command that waits until the command CONDITION succeeds."""
    return f'while ! {{ {condition}; }}; do sleep 0.1; done'


def drop_new_connections(host: str, then: str = '') -> None:
    """Drop new connections from the controller to HOST as soon as a change is pending there.

    THEN: a command after which they are accepted again; without it, until `accept_new_connections`.
    """
    run_when(host, ARMED, f"nft '{_DROP}'" + (f'; {then}; {_ACCEPT}' if then else ''))


def drop_new_connections_until_decided(host: str) -> None:
    """The same until the change is no longer undecided: it cannot be confirmed, but its outcome can be read."""
    drop_new_connections(host, then=until(f'! {ARMED}'))


def accept_new_connections(host: str) -> None:
    testbed.shell(host, f'{_ACCEPT} 2>/dev/null; true')


def power_cycle(hosts: t.Iterable[str]) -> None:
    """Cut the power of HOSTS without a warning, and start them again."""
    hosts = list(hosts)
    lab.podman('kill', *hosts, stdout=subprocess.DEVNULL)
    lab.podman('start', *hosts, stdout=subprocess.DEVNULL)
    for host in hosts:
        address = testbed.HOSTS[host]['ansible_host']
        lab.wait_for(lambda address=address: lab.accepts_ssh(address), f'sshd of {host}', seconds=300)
        testbed.shell(host, 'systemctl is-system-running --wait >/dev/null; true')
