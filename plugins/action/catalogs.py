# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show which products there are catalogs for, or one of them. Documented in plugins/modules/catalogs.py."""

from __future__ import annotations

import shutil
import typing as t

from ..module_utils._base.errors import PortmatrixError
from ..plugin_utils._action.base import PortmatrixAction
from ..plugin_utils._base.words import nearest
from ..plugin_utils._catalog import listing
from ..plugin_utils._catalog.loader import BASELINE
from ..plugin_utils._inventory.host_variables import Inventory
from ..plugin_utils._policy.preflight import load_catalogs


class ActionModule(PortmatrixAction):
    """portmatrix.firewall.catalogs"""

    ARGUMENTS = dict(product=dict(type='str'), table=dict(type='bool', default=True))
    _requires_connection = False

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        catalogs = load_catalogs(Inventory(task_vars, self._templar, self._task).task())
        product = arguments['product']
        if product and product not in catalogs:
            hint = nearest(product, catalogs, 'without product, all are listed')
            raise PortmatrixError(f'product: unknown product {product!r}; {hint}')
        shown = {product: catalogs[product]} if product else {k: v for k, v in catalogs.items() if k != BASELINE}
        if arguments['table']:
            width = shutil.get_terminal_size((100, 24)).columns
            text = listing.details(catalogs[product], width) if product else listing.overview(shown, width)
            self._display.display(f'\n{text}\n')
        return {
            'changed': False,
            'catalogs': [
                {
                    'product': name,
                    'title': catalog.title,
                    'documents': catalog.documents,
                    'components': sorted(catalog.components),
                    'options': sorted(catalog.options),
                    'flows': len(catalog.flows),
                }
                for name, catalog in sorted(shown.items())
            ],
        }
