// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    /// <summary>
    /// Puts the real parts together. Tests replace this file, so the shipped code needs no hook for them.
    /// </summary>
    public static class Parts
    {
        public static Machine Create()
        {
            RecordFolder folder = new RecordFolder();
            return new Machine(new ComStore(), new WindowsHost(), folder, new ScheduledTask(folder.Path));
        }
    }
}
