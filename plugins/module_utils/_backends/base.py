# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a back end. A back end brings one kind of firewall to a policy.

A change goes through these steps: `observe` the host; `plan` the changes to a policy; `snapshot` the former state and
`desired`, the new one; `apply` it to the running firewall; `persist` it once it is confirmed, or `restore` the former
state. Snapshot and desired state are plain data, since another process may persist or restore: the rollback timer, or
the confirmation over a new connection.
"""

from __future__ import annotations

import typing as t

from .._model.connection import Connection
from .._model.openings import Opening
from .._model.peers import Peers
from .._model.policy import Policy, Rule

# Values that JSON can hold; only the back end that made them reads them.
PlainData = t.Dict[str, t.Any]


class Changes(t.Protocol):
    """What has to change on a host that was observed in some state."""

    @property
    def has_changes(self) -> bool:
        """Whether anything has to change."""

    @property
    def transition(self) -> str:
        """How the running firewall gets there: none, hitless (no allowed connection is lost) or reload."""

    @property
    def diff(self) -> t.Dict[str, str]:
        """Ansible's diff, in the words of _model.report."""

    @property
    def counts(self) -> t.Dict[str, int]:
        """How many rules are `added`, `removed` and `kept`."""

    @property
    def warnings(self) -> t.Tuple[str, ...]:
        """What the operator has to know about rules that portmatrix does not manage."""

    @property
    def closing(self) -> t.Tuple[Opening, ...]:
        """What rules of others allow beyond the policy now, and no longer after the change."""

    @property
    def staying(self) -> t.Tuple[Opening, ...]:
        """What they allow beyond the policy after it."""

    def would_allow(self, connection: Connection) -> bool:
        """Whether a new connection like CONNECTION is allowed after the change."""

    def snapshot(self) -> PlainData:
        """What `restore` needs to return to the observed state."""

    def desired(self) -> PlainData:
        """What `persist` needs to keep the change."""

    def apply(self, snapshot: PlainData) -> str:
        """Bring the change into force and verify it in the kernel. Configuration files do not change yet.

        Returns the transition that was needed. SNAPSHOT is the result of `snapshot`. Raises BackendError if the change
        is not in force.
        """


class State(t.Protocol):
    """A host as it was observed."""

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        """The changes to POLICY and its management GUARD; None is a host that portmatrix does not manage.

        Raises Refused if this firewall cannot enforce the policy.
        """

    def admitted_sources(self, port: int) -> t.Optional[Peers]:
        """From where management access to PORT is open at every interface: by the guard of portmatrix if there is one,
        otherwise by the rules in force; None if that is not known."""

    def gather(self) -> PlainData:
        """The rules managed by portmatrix, for `state: gathered`."""


class Backend(t.Protocol):
    """One kind of firewall. An instance keeps no state between its calls."""

    name: t.ClassVar[str]
    # the command that an operator runs to switch this firewall off
    stop_command: t.ClassVar[str]
    # added to the advice of a refused lock-out; "" if there is nothing to add
    lockout_advice: t.ClassVar[str]
    # what the firewall's own default configuration allows in addition to any policy; "" if nothing
    default_openings: t.ClassVar[str]

    @staticmethod
    def is_installed() -> bool: ...

    @staticmethod
    def is_active() -> bool:
        """Whether it filters packets now, or will after the next boot."""

    @staticmethod
    def is_running() -> bool:
        """Whether it filters packets now, and so knows the connections of this host."""

    @staticmethod
    def has_rules() -> bool:
        """Whether its configuration contains anything managed by portmatrix."""

    def lock(self) -> t.ContextManager[None]:
        """Keep the firewall's own tools from changing its configuration. Raises Busy if such a tool holds
        the lock."""

    def observe(self) -> State:
        """Read configuration, service and kernel; changes nothing. Raises BackendError if they cannot be read."""

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        """Path -> content of the files that enforce POLICY on a host with default configuration. Pure."""

    def external_change(self, snapshot: PlainData, desired: PlainData) -> t.Optional[str]:
        """What another program has changed since `apply`, or None."""

    def allowed_before(self, snapshot: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        """Those of CONNECTIONS that the rules in SNAPSHOT, which are in force, allow anew, or for which that is not
        known."""

    def allowed_now(self, desired: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        """Those of CONNECTIONS that are allowed anew, now that DESIRED is in force."""

    def persist(self, desired: PlainData, *, boot: bool = False) -> None:
        """Keep what was applied, over a reboot too. Safe to repeat. BOOT: the host is booting."""

    def restore(self, snapshot: PlainData, desired: PlainData, *, boot: bool = False) -> None:
        """Return from DESIRED to the state in SNAPSHOT. Safe to repeat.

        BOOT: the host is booting, so the kernel has no rules yet. Rules that other programs added to the running
        firewall meanwhile are kept.
        """

    def concurrent_runs(self) -> t.List[int]:
        """Process ids that may overwrite what was just persisted with what they had read before."""

    def wait_until_stable(self, runs: t.Iterable[int]) -> bool:
        """Wait for RUNS (of concurrent_runs) to end. True if none of them could overwrite the change."""
