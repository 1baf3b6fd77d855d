# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a platform: what the action does differently for Linux and Windows hosts."""

from __future__ import annotations

import typing as t

from ..._base.ansible_core import RemoteHost
from ..._inventory.host_variables import HostVariables

# (the outcome that a host reports, None if it did not; why not)
Answer = tuple[t.Optional[dict[str, t.Any]], str]


class Channel(t.Protocol):
    """How a host is asked about its pending change."""

    def confirm(self) -> Answer:
        """Keep the change."""

    def outcome(self) -> Answer:
        """How the change ended."""


class ChangeState(t.NamedTuple):
    """What a host knows of a change: `outcome` if it is decided, and whether any change is pending."""

    outcome: dict[str, t.Any] | None
    is_pending: bool


class Platform(t.Protocol):
    """One platform, for one host with its variables."""

    name: t.ClassVar[str]
    title: t.ClassVar[str]
    # the module that converges a host
    module: t.ClassVar[str]
    # the connection plugins that reach a host through its firewall; a new connection of another one proves nothing
    connections: t.ClassVar[tuple[str, ...]]
    # the values of `backend` that it supports
    backends: t.ClassVar[tuple[str, ...]]

    def __init__(self, variables: HostVariables) -> None: ...

    @property
    def port(self) -> int:
        """The port by which Ansible reaches the host."""

    def prepare(self, host: RemoteHost) -> None:
        """Called before the module runs."""

    def module_arguments(self, host: RemoteHost, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        """The arguments of the module for WANTED (state, backend, policy, confirm_timeout, confirm_connections,
        token)."""

    def read_result(self, result: dict[str, t.Any], wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        """What the module has returned for WANTED, in the form that all platforms have in common."""

    def render(
        self, backend: str, document: str, warnings: t.Sequence[str], products: t.Sequence[str]
    ) -> dict[str, t.Any]:
        """The result of `state: rendered` for a policy DOCUMENT for PRODUCTS, with the WARNINGS of its plan."""

    def change_state(self, host: RemoteHost, token: str) -> ChangeState | None:
        """What HOST knows of the change TOKEN; None if it does not say."""

    def open_channel(self, host: RemoteHost, pending: dict[str, str]) -> Channel:
        """The channel for the PENDING change that the module has reported."""
