# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How denied packets are logged, with portmatrix_log_denied."""

from __future__ import annotations

PREFIX = 'portmatrix '  # of a line in the kernel's log; what follows it is IN=...
PER_MINUTE = 10  # after a burst of 5, the default of nftables and iptables
LINE = f'denied packets: logged, {PER_MINUTE} a minute at most (prefix {PREFIX.strip()})'
