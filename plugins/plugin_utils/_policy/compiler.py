# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of the one host that a task runs for, from what the task sees and the shared index."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._catalog.loader import Catalog
from .._inventory import components, inventory
from .._inventory.address_book import AddressBook, Host
from .._inventory.inventory import Inventory
from .._plan import planner
from .._plan.planner import HostPlan, Settings
from . import preflight, preflight_cache
from .document import build_policy


class HostPolicy(t.NamedTuple):
    """`document` is None for a host that plays no component."""

    document: dict[str, t.Any] | None
    warnings: list[str]


def compile_policy(
    task_uuid: str, task_vars: dict[str, t.Any], templar: t.Any, arguments: dict[str, t.Any]
) -> HostPolicy:
    """Plan the host of TASK_VARS. ARGUMENTS are the task's: `components` and `egress` (None: what the inventory says).

    Raises PortmatrixError for everything that is wrong in the whole inventory, before any host of the task is touched.
    """
    found = Inventory(task_vars, templar)
    host = str(task_vars['inventory_hostname'])

    def get(name: str, default: t.Any = None) -> t.Any:
        return found.resolve(task_vars, name, default)

    key = [
        task_uuid,
        get('portmatrix_catalogs'),
        get('portmatrix_baseline'),
        get('portmatrix_address_book'),
        arguments['egress'],
    ]
    play_hosts = task_vars.get('ansible_play_hosts_all', [host])
    shared = preflight_cache.shared(
        key, lambda: preflight.take(found, preflight.load_catalogs(get), get, play_hosts, arguments['egress']), host
    )
    own = _own(host, found, shared, get, arguments['components'] or [])
    if own is None:
        return HostPolicy(None, shared.warnings)
    settings = inventory.settings(host, shared.catalogs, get)._replace(
        **{'egress': arguments['egress']} if arguments['egress'] else {}
    )
    plan = plan_resolved(own, settings, shared.catalogs, shared.book)
    baseline = plan_baseline(own, settings, shared.catalogs, get)
    document = build_policy(plan, baseline, settings, shared.catalogs)
    extra = [
        f'{name}: only this task says that the host plays it; declare it in the inventory, or its peers will not know'
        for name in sorted(set(own.components) - set(shared.host.components if shared.host else ()))
    ]
    return HostPolicy(document, [*shared.warnings, *plan.warnings, *extra])


def plan_resolved(host: Host, settings: Settings, catalogs: dict[str, Catalog], book: AddressBook) -> HostPlan:
    """The plan of HOST. Raises PortmatrixError where a peer is unresolved."""
    plan = planner.plan_host(host, settings, catalogs, book)
    if plan.refused:
        raise PortmatrixError(
            *(preflight.unresolved(gap.component, gap.direction, [host.name]) for gap in plan.refused)
        )
    return plan


def plan_baseline(
    host: Host, settings: Settings, catalogs: dict[str, Catalog], get: t.Callable[..., t.Any]
) -> HostPlan:
    """The rules of the baseline; every hardened host plays `baseline.host`, and its other ends are known by addresses only."""
    played = (f'{preflight.BASELINE}.host',)
    bare = Host(host.name, played, (), host.platform, inventory.options(host.name, played, catalogs, get))
    return plan_resolved(bare, settings, catalogs, AddressBook(lambda component: [], []))


def _own(
    host: str, found: Inventory, shared: preflight_cache.Index, get: t.Callable[..., t.Any], more: list[str]
) -> Host | None:
    """This host as the task sees it. Raises PortmatrixError where other hosts see it differently: their rules would not match."""
    products = preflight.products(shared.catalogs)
    by_groups = components.declared_by_groups({name: [host] for name in get('group_names', [])}, products)
    declared = components.played(host, get('portmatrix_components'), by_groups.get(host, ()), products)
    played = components.played(host, more, declared, products)
    if not played:
        return None
    own = Host(
        host,
        played,
        shared.host.addresses if shared.host else (),
        inventory.platform(host, get),
        inventory.options(host, played, shared.catalogs, get),
    )
    if shared.host or declared:
        _compare(own._replace(components=declared), shared.host)
    return own


def _compare(mine: Host, theirs: Host | None) -> None:
    advice = 'put it into the inventory (host_vars, group_vars) or give it with --extra-vars'
    if theirs is None or mine.components != theirs.components:
        raise PortmatrixError(
            f'{mine.name}: portmatrix_components: this task sees {list(mine.components)}, other hosts see {list(theirs.components) if theirs else []}; {advice}'
        )
    if mine.platform != theirs.platform:
        raise PortmatrixError(
            f'{mine.name}: portmatrix_platform: this task sees {mine.platform}, other hosts see {theirs.platform}; {advice}'
        )
    problems = [
        f'{mine.name}: {product}_{name}: this task sees {mine.options[product][name]!r}, other hosts see {value!r}; {advice}'
        for product, values in theirs.options.items()
        for name, value in values.items()
        if mine.options[product][name] != value
    ]
    if problems:
        raise PortmatrixError(*problems)
