"""What other people and programs do to firewalld while a change is pending, while it is rolled back, and at any other
time: a change that is not confirmed is rolled back completely, and the next run repairs what they have broken."""

from __future__ import annotations

import collections
import json
import re

import cases
import faults
import pytest
import testbed
from faults import Fault
from fleet import Fleet

FIREWALLD = Fleet(dict.fromkeys(testbed.HOSTS, 'firewalld'))
CHANGE = json.dumps({'portmatrix_exclusive': False, 'enstratius_console_port': 8444, 'avi_vantage_http': False})
A_SET = 'firewall-cmd --get-ipsets | tr " " "\\n" | grep portmatrix-4 | head -1'
INTERFERENCE = {
    'reload': 'firewall-cmd -q --reload',
    'complete reload': 'firewall-cmd -q --complete-reload',
    'restart': 'systemctl restart firewalld; firewall-cmd -q --state',
    'runtime to permanent': 'firewall-cmd -q --runtime-to-permanent',
    'panic': 'firewall-cmd -q --panic-on',
    'flush': 'nft flush ruleset',
    'rule': 'firewall-cmd -q --policy=portmatrix-in --add-rich-rule=\'rule port port="9999" protocol="tcp" accept\'',
    'service': 'firewall-cmd -q --policy=portmatrix-in --add-service=http',
    'zone': 'firewall-cmd -q --policy=portmatrix-in --remove-ingress-zone=ANY',
    'members': f'firewall-cmd -q --ipset=$({A_SET}) --add-entry=192.0.2.200',
    'members in the kernel': f'nft add element inet firewalld $({A_SET}) {{ 192.0.2.200 }}',
    'rule in the kernel': 'nft insert rule inet firewalld filter_IN_policy_portmatrix-in accept; nft insert rule inet '
    'firewalld filter_IN_policy_portmatrix-in-top accept; true',
}
# firewalld owns its table on Debian 13, where nobody else can change it
MAY_FAIL = '{ %s; } 2>/dev/null || true'
END_PANIC = 'firewall-cmd -q --panic-off; true'
END_PANIC_SOON = '(for n in $(seq 9); do sleep 2; firewall-cmd -q --panic-off; done) >/dev/null 2>&1 &'
# what --runtime-to-permanent has written for others
OTHERS_FILES = 'cd /etc/firewalld; find . -name "*.xml" -newer /root/start | grep -v portmatrix- | xargs -r rm -v'


def ours(host: str) -> list[str]:
    """The rules of firewalld and portmatrix in the kernel, all policies, and the files of portmatrix. A flush removes the
    tables of iptables as well, which nobody restores."""
    files = [line for line in testbed.file_state(host).splitlines() if 'portmatrix' in line]
    policies = testbed.shell(host, 'firewall-cmd --list-all-policies')
    rules = re.sub(r'(?ms)^table ip6? .*?^\}\n', '', testbed.kernel_rules(host))
    return sorted([*rules.splitlines(), *policies.splitlines(), *files])


def all_rounds() -> list[dict[str, str]]:
    """Host -> what happens there: everything on Debian 12 and on Debian 13, on as many hosts at once as there are."""
    by_image: dict[str, list[str]] = {}
    for host in FIREWALLD.hosts:
        by_image.setdefault(testbed.HOSTS[host]['lab_image'], []).append(host)
    names, size = list(INTERFERENCE), min(map(len, by_image.values()))
    chunks = [names[start : start + size] for start in range(0, len(names), size)]
    return [{host: name for hosts in by_image.values() for host, name in zip(hosts, chunk)} for chunk in chunks]


def one_round(start: int) -> list[dict[str, str]]:
    """A part of that: another thing on each host."""
    names = list(INTERFERENCE)
    return [{host: names[(start + number) % len(names)] for number, host in enumerate(FIREWALLD.hosts)}]


def rounds(start: int) -> pytest.MarkDecorator:
    chosen = all_rounds() if cases.ALL else one_round(start)
    return pytest.mark.parametrize('happens', chosen, ids=lambda happens: ', '.join(dict.fromkeys(happens.values())))


@pytest.fixture(scope='module')
def hardened():
    """A hardened fleet; its members have had a second set each."""
    FIREWALLD.release()
    FIREWALLD.shell('touch /root/start')
    for arguments in (['-e', CHANGE], []):
        run = FIREWALLD.play(*arguments)
        assert set(run.statuses().values()) == {'changed'}, run.output
    yield FIREWALLD.map(ours)
    FIREWALLD.map(faults.remove)
    FIREWALLD.shell(END_PANIC)
    FIREWALLD.end_window()
    FIREWALLD.release()


def fleet_of(happens: dict[str, str]) -> Fleet:
    return Fleet(dict.fromkeys(happens, 'firewalld'))


def pending(fleet: Fleet) -> None:
    """Bring a change into force that nobody confirms."""
    fleet.apply_and_kill_controller('-e', CHANGE, window=600)
    fleet.map(faults.accept_new_connections)


def end(fleet: Fleet) -> None:
    fleet.end_window()
    fleet.shell(END_PANIC_SOON)  # in panic mode, firewalld refuses every change, also those of a rollback
    fleet.wait_until_decided()
    outcomes = fleet.shell('cat /run/portmatrix-outcome.json')
    assert all('"outcome": "rolled back"' in text for text in outcomes.values()), outcomes


def interfere(happens: dict[str, str]) -> None:
    for host, what in happens.items():
        testbed.shell(host, MAY_FAIL % INTERFERENCE[what])


def assert_as_before(before: dict[str, list[str]], happens: dict[str, str]) -> None:
    fleet = fleet_of(happens)
    fleet.map(faults.remove)
    fleet.shell(f'{END_PANIC}; {OTHERS_FILES}')
    for host, state in fleet.map(ours).items():
        now, then = collections.Counter(state), collections.Counter(before[host])
        assert now == then, f"{happens[host]} on {host}: more {list(now - then)[:9]}, less {list(then - now)[:9]}"


@rounds(0)
def test_in_the_window(hardened, happens):
    pending(fleet_of(happens))
    interfere(happens)
    end(fleet_of(happens))
    assert_as_before(hardened, happens)


@rounds(6)
def test_during_the_rollback(hardened, happens):
    fleet = fleet_of(happens)
    pending(fleet)
    for host, what in happens.items():
        faults.install(host, Fault('busctl', '*setPolicySettings*', before=MAY_FAIL % INTERFERENCE[what]))
    end(fleet)
    assert all(fleet.map(faults.has_happened).values())
    assert_as_before(hardened, happens)


@rounds(3)
def test_at_any_other_time(hardened, happens):
    fleet = fleet_of(happens)
    interfere(happens)
    fleet.shell(END_PANIC)
    assert fleet.play().code == 0
    run = fleet.play()
    assert set(run.statuses().values()) == {'ok'}, run.output
    assert_as_before(hardened, happens)
