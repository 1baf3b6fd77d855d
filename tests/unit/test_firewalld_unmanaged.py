"""What a reload drops of others is put back with few calls: one for each zone, one for each entry that is missing in a
set (or one for many), and elements of kernel sets with the rest of their time."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    bus,
    unmanaged_restore,
    unmanaged_runtime,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.unmanaged_runtime import Runtime
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError

NOTHING = Runtime({}, {}, {}, dict.fromkeys(unmanaged_restore._DIRECT, []), {}, 1000.0)


def zone(**settings: t.Any) -> dict:
    return {key: {'type': 'b' if isinstance(value, bool) else 'as', 'data': value} for key, value in settings.items()}


def zones(**settings: dict) -> Runtime:
    return NOTHING._replace(objects={('zone', name): own for name, own in settings.items()})


def sets(**entries: list) -> Runtime:
    return NOTHING._replace(sets=dict(entries))


MANY = [f'10.0.{number // 250}.{number % 250}' for number in range(20000)]
# what -> (before, after the reload, the calls)
CASES: dict[str, tuple[Runtime, Runtime, list[str]]] = {
    'nothing was lost': (zones(public=zone(ports=['80'])), zones(public=zone(ports=['80'])), []),
    'the same in another order': (zones(public=zone(ports=['80', '81'])), zones(public=zone(ports=['81', '80'])), []),
    'two settings of a zone': (
        zones(public=zone(ports=['80'], masquerade=True), work=zone(ports=['1'])),
        zones(public=zone(), work=zone(ports=['1'])),
        ['setZoneSettings2 public ports masquerade'],
    ),
    'what others had removed is removed again': (
        zones(public=zone()),
        zones(public=zone(services=['ssh'])),
        ['setZoneSettings2 public services'],
    ),
    'many interfaces are one call, with those that the zone has': (
        zones(work=zone(interfaces=['a', 'b', 'c'])),
        zones(work=zone(interfaces=['d'])),
        ['setZoneSettings2 work interfaces: d a b c'],
    ),
    'an interface that is in another zone now stays there': (
        zones(work=zone(interfaces=['a', 'b']), home=zone()),
        zones(work=zone(), home=zone(interfaces=['b'])),
        ['setZoneSettings2 work interfaces: a'],
    ),
    'a zone that is gone': (zones(work=zone(ports=['1'])), zones(), []),
    'one entry of many': (sets(s=[*MANY, '192.0.2.9']), sets(s=MANY), ['addEntry s 192.0.2.9']),
    'one entry less': (sets(s=MANY[1:]), sets(s=MANY), [f'removeEntry s {MANY[0]}']),
    'very many entries': (sets(s=MANY), sets(s=[]), [f'setEntries s {len(MANY)}']),
    'a direct rule': (
        NOTHING._replace(direct={**NOTHING.direct, 'getAllRules': [['ipv4', 'filter', 'INPUT', 0, ['-j', 'DROP']]]}),
        NOTHING,
        ['addRule ipv4 filter INPUT 0 2 -j DROP'],
    ),
    'rules of iptables': (
        NOTHING._replace(tables={'iptables': '*filter\n'}),
        NOTHING._replace(tables={'iptables': ''}),
        ['iptables-restore *filter'],
    ),
}


class Recorder:
    """Notes the calls that change something, and answers what is there NOW; it becomes BEFORE when all were made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Runtime, now: Runtime):
        self.calls: list[str] = []
        self._states = [now, before]
        monkeypatch.setattr(bus, 'call', self._call)
        monkeypatch.setattr(bus, 'set_dictionary', self._set_dictionary)
        monkeypatch.setattr(unmanaged_restore, 'run', self._run)
        monkeypatch.setattr(unmanaged_runtime, 'capture', lambda preserves: self._states.pop(0))
        monkeypatch.setattr(unmanaged_runtime, 'capture_elements', lambda names: now.elements)
        monkeypatch.setattr('time.monotonic', lambda: 1100.0)

    def _call(self, interface: str, method: str, signature: str = '', *words: str, timeout: float = 0) -> None:
        self.calls.append(' '.join([method, *(words[:2] if method == 'setEntries' else words)]))

    def _set_dictionary(self, interface: str, method: str, name: str, settings: dict) -> None:
        words = [
            f'{key}: {" ".join(variant["data"])}' if key == 'interfaces' else key for key, variant in settings.items()
        ]
        self.calls.append(' '.join([method, name, *words]))

    def _run(self, command: list[str], text: str = '') -> subprocess.CompletedProcess[str]:
        self.calls.append(f'{" ".join(command)} {text}'.strip())
        return subprocess.CompletedProcess(command, 0)


@pytest.mark.parametrize('what', CASES)
def test_only_what_is_missing_is_restored(monkeypatch, what):
    before, now, calls = CASES[what]
    recorder = Recorder(monkeypatch, before, now)
    unmanaged_restore.restore(before, version_preserves_iptables=True)
    assert recorder.calls == calls


def test_what_cannot_be_restored_is_named(monkeypatch):
    before = zones(public=zone(ports=['80']))._replace(sets={'s': ['192.0.2.9']})
    now = zones(public=zone())._replace(sets={'s': []})
    Recorder(monkeypatch, now, now)
    with pytest.raises(BackendError, match='zone public: ports; entries of the set s'):
        unmanaged_restore.restore(before, version_preserves_iptables=True)


def test_elements_return_with_the_rest_of_their_time(monkeypatch):
    def element(value: t.Any, expires: int) -> dict:
        return {'elem': {'val': value, 'timeout': 3600, 'expires': expires}}

    prefix = {'prefix': {'addr': '192.0.2.0', 'len': 28}}
    before = NOTHING._replace(
        elements={'s': [element('192.0.2.99', 3000), element(prefix, 150), element('192.0.2.98', 90), '192.0.2.97']}
    )
    now = NOTHING._replace(elements={'s': [element('192.0.2.99', 2900)]})
    recorder = Recorder(monkeypatch, before._replace(elements=now.elements), now)
    unmanaged_restore._restore(before, now)
    (call,) = recorder.calls
    added = json.loads(call.partition(' - ')[2])['nftables'][0]['add']['element']
    assert added == {
        'family': 'inet',
        'table': 'firewalld',
        'name': 's',
        'elem': [element(prefix, 50), '192.0.2.97'],  # 100 s have passed, so one is over
    }


def test_two_captures_are_merged():
    earlier = zones(public=zone(ports=['80'], masquerade=True), gone=zone(ports=['1']))._replace(sets={'s': ['a', 'b']})
    now = zones(public=zone(ports=['81'], services=['ssh'], masquerade=False))._replace(sets={'s': ['b', 'c']})
    merged = unmanaged_runtime.merged(earlier, now)
    assert merged.objects == zones(public=zone(ports=['80', '81'], masquerade=True, services=['ssh'])).objects
    assert merged.sets == {'s': ['a', 'b', 'c']}


def test_it_goes_through_a_file():
    before = zones(public=zone(ports=['80'], masquerade=True))._replace(sets={'s': ['192.0.2.9']})
    assert Runtime.from_data(json.loads(json.dumps(before.to_data()))) == before
