// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Stores;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Machines
{
    /// <summary>Where the real parts come together. Tests put another file of this name in its place, so that what ships needs no hook.</summary>
    public static class Machine
    {
        public static Seam Open()
        {
            return new Seam(new ComStore(), new WindowsHost(), new TaskTimer());
        }
    }
}
