"""A firewalld in memory: its configuration files, its running policies and sets, the kernel, and what that allows."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import re
import subprocess
import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    bus,
    closing,
    conditions,
    config_files,
    docker,
    documents,
    hitless,
    kernel,
    reloads,
    service,
    trial,
    unmanaged_restore,
    unmanaged_rules,
    unmanaged_runtime,
    verify,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    PolicyDocument,
    RichRule,
    SetDocument,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.slots import SLOTS
from ansible_collections.portmatrix.firewall.plugins.module_utils._base import files, systemd
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY

HOSTS = [*(f'192.0.2.{number}' for number in range(1, 6)), '2001:db8::1', '2001:db8::2']
PORTS = ['80', '443', '8443']
# (direction, host, port): everything of which a test may ask whether it is allowed
ALL = frozenset(itertools.product(('ingress', 'egress'), HOSTS, PORTS))
_RULE = re.compile(
    r'rule(?: family="(?P<family>\w+)")?'
    r'(?: (?:source|destination) (?P<kind>ipset|address)="(?P<peer>[^"]+)")?'
    r' port port="(?P<port>\d+)" protocol="tcp" accept'
)
_ZONES = {'ingress': (['ANY'], ['HOST']), 'egress': (['HOST'], ['ANY'])}


def parse_rule(text: str) -> RichRule:
    match = _RULE.fullmatch(text)
    assert match, text
    peer = {'ipset': f'@{match["peer"]}', 'address': match['peer'], None: ANY}[match['kind']]
    return RichRule(match['family'], peer, 'port', match['port'], 'tcp')


def parse_rules(texts: t.Iterable[str]) -> list[RichRule]:
    """Those that allow."""
    return [parse_rule(text) for text in texts if text != documents.LOG_RULE]


class FakeFirewalld:
    """`moments`: what was allowed after each step; `fail_at`: number of the next call that has its effect, but reports
    an error."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.policies: dict[str, dict[str, t.Any]] = {}
        self.sets: dict[str, tuple[str, ...]] = {}
        self.kernel_sets: dict[str, tuple[str, ...]] = {}  # as long as nobody else changes them, these are the same
        self.lost: set[str] = set()  # rules that someone has removed from the kernel
        self.others: list[str] = []  # direct rules that other programs have only in the running firewall
        self.is_restorable = True
        self.is_open = False  # it could not load its files, and has no rules
        self.tables: list[str] = []  # those of portmatrix itself, in nft's language
        self.unfinished: unmanaged_runtime.Runtime | None = None
        self.is_slow = False  # it adds members after it has answered, as since 2.3.2
        self.unfilled: dict[str, tuple[str, ...]] = {}
        self.can_empty = True  # not in some versions from 1.0.4 to 1.2.0
        self.reloads = 0
        self.fail_at = 0
        self.moments: list[frozenset] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the real one."""
        for module, name, function in (
            (bus, 'call', self._call),
            (bus, 'set_dictionary', self._set_dictionary),
            (bus, 'reload', self.reload),
            (bus, 'is_running', lambda: True),
            (config_files, 'read_all', lambda: dict(self.files)),
            (config_files, 'managed_paths', lambda: iter(list(self.files))),
            (files, 'write_all', self._write),
            (kernel, 'read', self.read_kernel),
            (service, 'observe', lambda: service.Service((1, 3, 0), True, 'enabled', ())),
            (service, 'save_switched_on', lambda steps: None),
            (service, 'restore', lambda *arguments, **options: None),
            (systemd, 'is_active', lambda unit: True),
            (docker, 'isolation', dict),
            (docker, 'preserving_isolation', lambda before: contextlib.nullcontext()),
            (unmanaged_rules, 'read', lambda policies: unmanaged_rules.Unmanaged()),
            (conditions, 'require_changeable', lambda observed: None),
            (conditions, 'is_in_panic', lambda: False),
            (conditions, 'warnings', lambda: ()),
            (trial, 'load', lambda observed, changed: trial.Result(self._trial(observed, changed), None)),
            (unmanaged_runtime, 'capture', self._capture),
            (unmanaged_restore, 'restore', self._restore_others),
            (reloads, '_begin', self._begin),
            (reloads, '_unfinished', lambda: self.unfinished),
            (reloads, '_end', lambda: setattr(self, 'unfinished', None)),
            (closing, 'run', self._nft),
            (verify, 'VERIFY_SECONDS', 0),
            (hitless, 'FILL_SECONDS', 0),
        ):
            monkeypatch.setattr(module, name, function)

    def state(self) -> dict[str, t.Any]:
        """All but the order of rules."""
        policies = {name: {**own, 'rich_rules': sorted(own['rich_rules'])} for name, own in self.policies.items()}
        return {
            'files': dict(self.files),
            'policies': policies,
            'sets': dict(self.sets),
            'kernel': dict(self.kernel_sets),
            'lost': set(self.lost),
            'others': list(self.others),
            'tables': list(self.tables),
        }

    def reload(self) -> None:
        """Only here objects come and go. Nothing that portmatrix denies is allowed meanwhile, so this is one moment."""
        self.reloads += 1
        self.others = []
        problem = self._trial(None, {})
        self.is_open = bool(problem)
        if problem:
            raise BackendError(problem)
        loaded = config_files.parse(self.files)
        self.policies = {
            name: {
                'target': document.target,
                'priority': document.priority,
                'ingress_zones': _ZONES[document.direction][0] if document.active else [],
                'egress_zones': _ZONES[document.direction][1] if document.active else [],
                'rich_rules': list(document.texts()),
            }
            for name, document in loaded.policies.items()
        }
        self.sets = {name: document.entries for name, document in loaded.sets.items()}
        self.kernel_sets = dict(self.sets)
        self.lost = set()
        self._step()
        self._end_call()

    def active(self) -> dict[str, dict[str, t.Any]]:
        return {name: own for name, own in self.policies.items() if own['ingress_zones'] and own['egress_zones']}

    def allowed(self) -> frozenset:
        """The first policy in force decides; without one the zones do, which here allow all."""
        allowed: set[tuple[str, str, str]] = set()
        for direction in ('ingress', 'egress'):
            active = [own for name, own in self.active().items() if SLOTS[name].direction == direction]
            if not active:
                allowed |= {entry for entry in ALL if entry[0] == direction}
                continue
            rules = parse_rules(min(active, key=lambda own: own['priority'])['rich_rules'])
            allowed |= {(direction, host, rule.value) for host in HOSTS for rule in rules if self.matches(rule, host)}
        return frozenset(allowed)

    def read_kernel(self) -> kernel.Kernel:
        state = self._read_kernel()
        while self.unfilled:  # a moment later
            name, entries = self.unfilled.popitem()
            self.kernel_sets[name] = entries
            self._step()
        return state

    def _read_kernel(self) -> kernel.Kernel:
        policies = {
            name: PolicyDocument(SLOTS[name].direction, own['target'], own['priority'], self._kernel_rules(own), {}, {})
            for name, own in self.active().items()
        }
        sets = {name: SetDocument(f'ipv{name[11]}', '', entries) for name, entries in self.kernel_sets.items()}
        rules = documents.kernel_rules(Documents(policies, sets))
        logging = tuple(name for name, own in self.active().items() if documents.LOG_RULE in own['rich_rules'])
        return kernel.Kernel(rules, tuple(policies), (), dict(self.kernel_sets), not self.is_open, logging)

    def _kernel_rules(self, own: dict[str, t.Any]) -> tuple[RichRule, ...]:
        return tuple(parse_rules(text for text in own['rich_rules'] if text not in self.lost))

    def matches(self, rule: RichRule, host: str) -> bool:
        if rule.peer is ANY:
            return True
        entries = self.kernel_sets[rule.set_name] if rule.set_name else (rule.peer,)
        return any(ipaddress.ip_address(host) in ipaddress.ip_network(entry) for entry in entries)

    def _call(self, interface: str, method: str, signature: str = '', *words: str, timeout: float = 0) -> t.Any:
        if (interface, method) == ('policy', 'getPolicies'):
            return ['allow-host-ipv6', *self.policies]
        if (interface, method) == ('policy', 'getPolicySettings'):
            return {key: {'data': value} for key, value in self.policies.get(words[0], {}).items()}
        if (interface, method) == ('ipset', 'removeEntry'):
            name, entries = words[0], [entry for entry in self.sets[words[0]] if entry != words[1]]
            assert len(entries) == len(self.sets[name]) - 1
        else:
            assert (interface, method) == ('ipset', 'setEntries'), 'nothing else changes anything'
            name, count, *entries = words
            assert name in self.sets and int(count) == len(entries) == len(set(entries))
            if not entries and not self.can_empty:
                raise BackendError('pop from empty list')
        self._set_members(name, tuple(entries))
        return self._end_call()

    def _set_members(self, name: str, entries: tuple[str, ...]) -> None:
        """Not atomic: firewalld removes all entries, then adds the others."""
        assert name not in self.unfilled, 'firewalld then keeps the former members'
        self.sets[name] = entries
        self.kernel_sets[name] = ()
        self._step()
        if self.is_slow and entries:
            self.unfilled[name] = entries
        else:
            self.kernel_sets[name] = entries
            self._step()

    def _set_dictionary(self, interface: str, method: str, name: str, settings: dict[str, t.Any]) -> None:
        """Rules are not changed atomically: firewalld first removes rules, then adds the others."""
        assert (interface, method) == ('policy', 'setPolicySettings')
        assert 'rich_rules' not in settings or len(settings) == 1, 'one thing at a time'
        own = self.policies[name]
        if 'rich_rules' in settings:
            new = settings['rich_rules']['data']
            own['rich_rules'] = [rule for rule in own['rich_rules'] if rule in new]
            self._step()
        own.update({key: variant['data'] for key, variant in settings.items()})
        self._step()
        self._end_call()

    def _write(self, contents: dict[str, str | None]) -> None:
        self.files.update({path: text for path, text in contents.items() if text is not None})
        for path in [path for path, text in contents.items() if text is None]:
            self.files.pop(path, None)

    def _trial(self, observed: service.Service | None, changed: dict[str, str | None]) -> str | None:
        contents = {path: text for path, text in {**self.files, **changed}.items() if text is not None}
        loaded = config_files.parse(contents)
        missing = loaded.used_sets - loaded.sets.keys()
        return f'INVALID_IPSET: {missing}' if missing else None

    def _capture(self, preserves: bool) -> unmanaged_runtime.Runtime:
        return unmanaged_runtime.Runtime({}, {}, {}, {'direct': list(self.others)}, {}, 0)

    def _begin(self, before: unmanaged_runtime.Runtime) -> unmanaged_runtime.Runtime:
        self.unfinished = before
        return before

    def _nft(self, command: list[str], check: bool = True, text: str = '') -> subprocess.CompletedProcess[str]:
        assert command[0] == 'nft'
        is_known = bool(self.tables)
        if command[1] in ('-f', 'delete'):
            self.tables = [text] if text else []
        return subprocess.CompletedProcess(command, 0 if is_known or text else 1)

    def _restore_others(self, before: unmanaged_runtime.Runtime, preserves: bool) -> None:
        if not self.is_restorable:
            raise BackendError('what others had cannot be restored')
        self.others.extend(rule for rule in before.direct['direct'] if rule not in self.others)

    def _step(self) -> None:
        self.moments.append(self.allowed())

    def _end_call(self) -> None:
        self.fail_at -= 1
        if self.fail_at == 0:
            raise BackendError('it broke')
