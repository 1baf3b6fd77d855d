# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a pending change ended. Controller and host exchange these words."""

from __future__ import annotations

import typing as t

OUTCOME = '/run/portmatrix-outcome.json'  # that of the last change since boot
CONFIRMED, ROLLED_BACK, REFUSED, ERROR, NOTHING = 'confirmed', 'rolled back', 'refused', 'error', 'nothing'
UNKNOWN = 'unknown'  # the host did not answer, or has no record of the change
Outcome = t.Dict[str, t.Any]  # `outcome` (one of these), `reason`, `token`, and `settled` if it is confirmed
