# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back end ufw: ufw's own files, byte for byte as it writes them, and one transaction of iptables for each family; ufw itself is never run."""

from __future__ import annotations

import typing as t

from ..._base import files
from ..._base.errors import BackendError
from ..._host import management
from ..._model import policy as policies, report, traffic
from ..._model.policy import Policy, Rule
from . import before_rules, compiler, display, edits, expected, kernel, lock, planning, service, startup, stock, verdict
from .edits import Edited, Memory
from .planning import Changes, State


class Ufw:
    """Converges the rules of ufw that carry our mark, our section of before.rules, and ufw's default policies; keeps everything else."""

    name = 'ufw'
    installed = staticmethod(service.installed)
    active = staticmethod(service.active)
    present = staticmethod(service.present)
    locked = staticmethod(lock.hold)
    plan = staticmethod(planning.plan)
    watch = staticmethod(lock.others)
    stop_command = 'ufw disable'
    lockout_advice = ', and see that no rule of ufw denies it (ufw status)'
    # what ufw's own files let in beside any policy, for the plan of a host that is known to use ufw
    stock_openings = (
        'ufw lets in mDNS (UDP 5353), SSDP (UDP 1900) and DHCP (UDP 67 to 68) from anywhere by /etc/ufw/before.rules'
    )

    def observe(self) -> State:
        """Read files, service and kernel. Changes nothing."""
        observed = service.observe()
        texts = service.read()
        return State(
            observed,
            texts,
            {family: kernel.read(family) for family in service.families(observed.settings)},
            service.recall(),
        )

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        """Path -> content of the files that enforce POLICY on a host with ufw as it comes, without rules of others. Pure: needs no host."""
        texts = stock.texts()
        guard = tuple(guard)
        own, admits = compiler.build(policy, guard), policies.reach_of(policy, guard)
        edited = edits.edit(texts, Memory(), policy, own, admits, dict.fromkeys(traffic.FAMILIES, True))
        return {path: text for path, text in edited.texts.items() if path not in before_rules.AFTER.values()}

    def admits(self, changes: Changes, connection: management.Connection) -> bool:
        """Whether a new connection like CONNECTION passes once CHANGES are in force, rules of others included; where ufw starts, also whether the answers
        of this one do, which the kernel does not know yet."""
        table = changes.stated.get(traffic.family(connection.peer))
        if table is None:
            # a family that ufw does not manage is denied as a whole while ufw runs
            return not changes.edited.settings.enabled
        packet = _packet(connection)
        return verdict.accepts(table, packet) and (
            not changes.starting or verdict.accepts(table, packet._replace(leaving=True))
        )

    def snapshot(self, state: State, changes: Changes) -> t.Dict[str, t.Any]:
        """What `restore` needs to go back to STATE, as plain data."""
        return {
            'texts': state.texts,
            'live': kernel.plain(state.live),
            'memory': state.memory._asdict(),
            'enabled': state.service.enabled,
        }

    def outcome(self, changes: Changes) -> t.Dict[str, t.Any]:
        """What `persist` needs to keep CHANGES, as plain data."""
        owned = {family: sorted(names) for family, names in changes.owned.items()}
        memory = changes.edited.memory._asdict()
        return {
            'files': changes.files,
            'stated': kernel.plain(changes.stated),
            'owned': owned,
            'memory': memory,
            'steps': list(changes.steps),
        }

    def apply(self, state: State, changes: Changes) -> str:
        """Bring CHANGES into force in the kernel, and prove them there; returns how the runtime got there. Files stay as they are."""
        if changes.starting:
            startup.before(changes.edited.texts, changes.edited.settings)
        for family, transaction in changes.transactions.items():
            kernel.load(family, transaction)
        if changes.starting:
            startup.after(changes.edited.settings)
        different = kernel.different(changes.stated, changes.owned)
        if different:
            raise BackendError(f'the kernel does not hold the rules that are wanted ({different})')
        return changes.runtime

    def deviates(self, before: t.Dict[str, t.Any], after: t.Dict[str, t.Any]) -> t.Optional[str]:
        """What somebody else changed since `apply`, or None."""
        changed = [path for path, text in before['texts'].items() if files.read(path) != text]
        if changed:
            return f'somebody changed {", ".join(changed)} meanwhile'
        different = kernel.different(kernel.tables(after['stated']), after['owned'])
        return f'somebody changed the rules of ufw in the kernel meanwhile ({different})' if different else None

    def lets_in(self, after: t.Dict[str, t.Any], connection: management.Connection) -> bool:
        """Whether a new connection like CONNECTION passes now that AFTER is in force."""
        family = traffic.family(connection.peer)
        return family in after['stated'] and verdict.accepts(kernel.read(family), _packet(connection))

    def persist(self, after: t.Dict[str, t.Any], boot: bool = False) -> None:
        """Keep what was applied, so that the host starts with it. Safe to repeat; BOOT: it starts right now."""
        memory = Memory.of(after['memory'])
        if memory != Memory():
            service.remember(memory)
        files.put(after['files'])
        service.take(after['steps'])
        if boot and 'enable' in after['steps']:
            service.start_later()
        service.remember(memory)  # what was before us is forgotten last

    def restore(
        self, before: t.Dict[str, t.Any], after: t.Dict[str, t.Any], boot: bool = False, _applied: bool = True
    ) -> None:
        """Go back to what `snapshot` saw from what was to be AFTER. What somebody else changed in the files meanwhile is kept, and the kernel follows the
        files then. Safe to repeat; BOOT: the kernel is new and ufw will read the files."""
        service.bring(before['enabled'])
        for path, text in after['files'].items():
            if files.read(path) == text:
                files.put({path: before['texts'][path]})
        service.remember(Memory.of(before['memory']))
        if boot:
            return
        tables = kernel.tables(before['live'])
        if any(files.read(path) != text for path, text in before['texts'].items()):
            state = self.observe()
            if state.service.settings.enabled:
                tables = self._stated(state) or tables
            elif tables['ipv4'].runs('ipv4'):
                return  # somebody disabled ufw, which took its rules out of the kernel
        for family, table in tables.items():
            back = kernel.transaction(kernel.read(family), table, after['owned'][family])
            if back:
                kernel.load(family, back)

    @staticmethod
    def _stated(state: State) -> t.Optional[t.Dict[str, t.Any]]:
        """What the kernel holds once it follows the files; None where these do not load."""
        try:
            return dict(
                zip(
                    state.live,
                    kernel.canonical(
                        [
                            (family, startup.compose(family, state.texts, state.service.settings))
                            for family in state.live
                        ]
                    ),
                )
            )
        except BackendError:
            return None

    def settled(self, watched: t.Iterable[int]) -> bool:
        """Whether nobody can have overwritten what was applied; waits for the runs of ufw (WATCHED) that may have read its files before."""
        watched = list(watched)
        lock.wait_for(watched)
        return not watched

    def gathered(self, state: State) -> t.Dict[str, t.Any]:
        """What of ours is there, in words and as data."""
        own, sections = display.of_hosts(state.live, state.texts)
        found = display.rules(own, sections)
        deviations = []
        if found and state.service.settings.enabled:
            owned = {family: startup.owned(family, state.texts) for family in state.live}
            stated = expected.stated(state, Edited(state.texts, state.service.settings, {}, state.memory, (), ()))[0]
            deviations = [
                text
                for family, table in stated.items()
                for text in display.drift(family, state.live[family], table, owned[family])
            ]
        return {
            'backend': self.name,
            'version': state.service.version,
            'active': state.service.settings.enabled,
            'enforced': bool(found) and state.service.settings.enabled and not deviations,
            'state': [*display.state(state.service.settings, state.service.at_boot, own), *deviations],
            'rules': report.data(found),
        }


def _packet(connection: management.Connection) -> verdict.Packet:
    return verdict.Packet(
        connection.peer, connection.local, connection.peer_port, connection.port, management.interface(connection.local)
    )
