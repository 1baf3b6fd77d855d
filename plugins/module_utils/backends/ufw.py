# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back end ufw: ufw's own files, byte for byte as it writes them, and one transaction of iptables for each family; ufw itself is never run."""

from __future__ import annotations

import typing as t

from .. import files, management, policy as policies, reach, words
from ..errors import BackendError
from ..policy import Policy, Rule
from ..ufw import build, edits, framework, kernel, lines, lock, service, startup, stock, userrules, verdict
from ..ufw.build import Rules
from ..ufw.edits import Edited, Memory
from ..ufw.kernel import Table
from ..ufw.service import Service


class State(t.NamedTuple):
    """What is there: the service, the texts of ufw's files, the kernel's tables of the families that ufw manages, and what was before us."""

    service: Service
    texts: t.Dict[str, str]
    live: t.Dict[str, Table]
    memory: Memory


class Changes(t.NamedTuple):
    """What has to happen: `files` (path -> new text), systemd `steps`, a transaction for each family; `stated` is what the kernel then holds."""

    files: t.Dict[str, str]
    steps: t.Tuple[str, ...]
    transactions: t.Dict[str, str]
    stated: t.Dict[str, Table]
    edited: Edited
    runtime: str
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.files or self.steps or self.transactions)


class Ufw:
    """Converges the rules of ufw that carry our mark, our section of before.rules, and ufw's default policies; keeps everything else."""

    name = 'ufw'
    installed = staticmethod(service.installed)
    active = staticmethod(service.active)
    present = staticmethod(service.present)
    locked = staticmethod(lock.hold)
    stop_command = 'ufw disable'
    lockout_advice = ', and see that no rule of ufw denies it'
    # what ufw's own files let in beside any policy, for the plan of a host that is known to use ufw
    stock_openings = 'ufw lets in mDNS (UDP 5353), SSDP (UDP 1900) and DHCP (UDP 67 to 68) from anywhere by /etc/ufw/before.rules'

    def observe(self) -> State:
        """Read files, service and kernel. Changes nothing."""
        observed = service.observe()
        texts = {path: files.read(path) for path in edits.PATHS}
        missing = [path for path, text in texts.items() if text is None]
        if missing:
            raise BackendError(f'{", ".join(missing)}: missing, so ufw is not whole on this host; install its package again')
        families = service.families(t.cast(t.Dict[str, str], texts))
        return State(observed, t.cast(t.Dict[str, str], texts), {family: kernel.read(family) for family in families}, service.recall())

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        """Path -> content of the files that enforce POLICY on a host with ufw as it comes, without rules of others. Pure: needs no host."""
        texts = stock.texts()
        guard = tuple(guard)
        edited = edits.edit(texts, Memory(), policy, build.build(policy, guard), policies.reach_of(policy, guard), dict.fromkeys(reach.FAMILIES, True))
        return {path: text for path, text in edited.texts.items() if path not in framework.AFTER.values()}

    def plan(self, state: State, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        """The changes from STATE to POLICY; None is a host without anything of ours."""
        guard = tuple(guard)
        if policy is not None:
            service.require_usable(state.service, tuple(state.live), policy)
        families = tuple(state.live)
        limits = {family: _limits(family, state.texts) for family in families}
        own = build.build(policy, guard) if policy else Rules(dict.fromkeys(families, ()), dict.fromkeys(families, ()))
        admits = policies.reach_of(policy, guard) if policy else {}
        steps, remembered = service.switch(state.service, state.memory, policy is not None)
        memory = state.memory._replace(steps=remembered, policies=state.memory.policies or {family: table.policies for family, table in state.live.items()})
        edited = edits.edit(state.texts, memory, policy, own, admits, limits)
        changed = {path: text for path, text in edited.texts.items() if state.texts[path] != text}
        if policy is None and not changed and not steps:
            # nothing of ours is here, so how the kernel deviates from ufw's files is not ours to mend
            stated, now = dict(state.live), dict(state.live)
        else:
            stated, now = self._stated(state, edited)
        transactions = {family: kernel.transaction(family, state.live[family], stated[family]) for family in families}
        transactions = {family: text for family, text in transactions.items() if text}
        before, after = _shown(state, edited, own, now)
        return Changes(
            changed,
            steps,
            transactions,
            stated,
            edited,
            'hitless' if transactions else 'none',
            words.diff(before, after, 'ufw'),
            words.counts(before[1], after[1]),
            _warnings(state, edited, own, policy),
        )

    def _stated(self, state: State, edited: Edited) -> t.Tuple[t.Dict[str, Table], t.Dict[str, Table]]:
        """What the kernel is to hold, and what it would hold by the files as they are."""
        jobs = []
        for texts, settings in ((edited.texts, edited.settings), (state.texts, state.service.settings)):
            jobs += [(family, startup.compose(family, texts, settings)) for family in state.live if settings.enabled]
        tables = iter(kernel.canonical(jobs) if jobs else ())
        found = []
        for enabled in (edited.settings.enabled, state.service.settings.enabled):
            found.append({family: next(tables) if enabled else Table({}, state.memory.policies.get(family, kernel.OPEN)) for family in state.live})
        return found[0], found[1]

    def admits(self, changes: Changes, connection: management.Connection) -> bool:
        """Whether a new connection like CONNECTION passes once CHANGES are in force, rules of others included."""
        table = changes.stated.get(reach.family(connection.peer))
        return table is None or verdict.accepts(table, verdict.Packet(connection.peer, connection.port))

    def apply(self, state: State, changes: Changes) -> str:
        """Carry out CHANGES, the kernel first, and prove them there; returns how the runtime got there. Where it fails, the former rules come back
        and BackendError is raised."""
        try:
            service.remember(changes.edited.memory, state.memory)
            self._load(state, changes)
            files.put(dict(changes.files))
            service.take(changes.steps)
        except Exception as error:  # whatever it is, the host must not stay in between
            raise BackendError(f'{error}; {self._go_back(state, changes)}') from error
        return changes.runtime

    def _load(self, state: State, changes: Changes) -> None:
        starting = changes.edited.settings.enabled and not state.live['ipv4'].runs('ipv4')
        if starting:
            startup.before(changes.edited.texts, changes.edited.settings)
        for family, transaction in changes.transactions.items():
            kernel.load(family, transaction)
        if starting:
            startup.after(changes.edited.settings)
        for family, stated in changes.stated.items():
            if kernel.transaction(family, kernel.read(family), stated):
                raise BackendError(f'the kernel does not hold the rules that are wanted ({family})')

    def _go_back(self, state: State, changes: Changes) -> str:
        """Bring the former rules back; what came of it, in words."""
        try:
            for family, before in state.live.items():
                back = kernel.transaction(family, kernel.read(family), before)
                if back:
                    kernel.load(family, back)
            files.put({path: state.texts[path] for path in changes.files})
            service.take([service.OPPOSITE[step] for step in reversed(changes.steps)])
            service.remember(state.memory, changes.edited.memory)
        except Exception as error:
            return f'and the former rules could not be brought back: {error}; look at the host now'
        return 'the host has its former rules back'

    def settled(self) -> bool:
        """Whether nobody can have overwritten what was applied; waits for runs of ufw that may have read its files before."""
        others = lock.others()
        lock.wait_for(others)
        return not others

    def gathered(self, state: State) -> t.Dict[str, t.Any]:
        """What of ours is there, in words and as data."""
        own, sections = _ours(state)
        found = lines.rules(own, sections)
        stated = self._stated(state, Edited(state.texts, state.service.settings, {}, state.memory, (), ()))[0] if found else {}
        deviations = [text for family, table in stated.items() for text in lines.drift(family, state.live[family], table)]
        return {
            'backend': self.name,
            'version': state.service.version,
            'active': state.service.settings.enabled,
            'enforced': bool(found) and state.service.settings.enabled and not deviations,
            'state': [*_state_lines(state.service, own), *deviations],
            'rules': words.data(found),
        }


def _limits(family: str, texts: t.Dict[str, str]) -> bool:
    path = userrules.PATHS[family]
    known = userrules.parse(path, texts[path]).limits
    return kernel.can_limit(family) if known is None else known


def _ours(state: State) -> t.Tuple[t.List[build.Tuple], t.List[str]]:
    own = [
        rule for family in state.live for rule in userrules.parse(userrules.PATHS[family], state.texts[userrules.PATHS[family]]).tuples if build.is_ours(rule)
    ]
    return own, [framework.section(state.texts[framework.BEFORE[family]]) for family in state.live]


def _state_lines(observed: Service, own: t.Iterable[build.Tuple]) -> t.List[str]:
    return lines.state(observed.settings, observed.settings.enabled, observed.settings.enabled and observed.at_boot, own)


def _shown(state: State, edited: Edited, own: Rules, now: t.Dict[str, Table]) -> t.Tuple[t.Tuple, t.Tuple]:
    """Both sides of the diff, each (lines about the firewall, rules)."""
    old, sections = _ours(state)
    wanted = [rule for family in state.live for rule in own.tuples[family]]
    drift = [text for family, table in now.items() if state.service.settings.enabled for text in lines.drift(family, state.live[family], table)]
    beside = lines.beside(edited.foreign, edited.openings)
    service_after = state.service._replace(settings=edited.settings, enabled='enabled' if edited.settings.enabled else state.service.enabled)
    exclusive = any(rule.note() == build.EXCLUSIVE for rule in wanted)
    closed_now = any(rule.note() == build.EXCLUSIVE for rule in old)
    before = [*_state_lines(state.service, old), *([] if closed_now else beside), *drift]
    after = [*_state_lines(service_after, wanted), *([] if exclusive else beside)]
    new_sections = ['\n'.join(own.sections[family]) for family in state.live]
    return (before, lines.rules(old, sections)), (after, lines.rules(wanted, new_sections))


def _warnings(state: State, edited: Edited, own: Rules, policy: t.Optional[Policy]) -> t.Tuple[str, ...]:
    return lines.warnings(edited, own, policy, state.live) if policy else ()
