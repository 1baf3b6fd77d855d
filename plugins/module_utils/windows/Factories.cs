// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Stores;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Factories
{
    /// <summary>
    /// Creates the real dependencies. Tests replace this file, so the shipped code needs no hook for them.
    /// </summary>
    public static class DependencyFactory
    {
        public static Dependencies Create()
        {
            return new Dependencies(new ComStore(), new WindowsHost(), new TaskTimer());
        }
    }
}
