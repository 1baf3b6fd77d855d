// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Diagnostics;
    using System.Globalization;

    /// <summary>Processes by number and start time, as numbers are used again. A lookup never fails.</summary>
    public static class Processes
    {
        const int MaxWait = 5000;

        public static string GetOwnIdentity()
        {
            using (Process own = Process.GetCurrentProcess()) return GetIdentity(own);
        }

        static string GetIdentity(Process process)
        {
            return process.Id.ToString(CultureInfo.InvariantCulture) + " "
                + process.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
        }

        public static bool IsAlive(string identity)
        {
            return Use(identity, delegate { });
        }

        public static void End(string identity)
        {
            Use(identity, delegate(Process process)
            {
                process.Kill();
                process.WaitForExit(MaxWait);
            });
        }

        /// <summary>Whether there is such a process; USE is called with it.</summary>
        static bool Use(string identity, Action<Process> use)
        {
            int number;
            if (!Int32.TryParse(identity.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out number))
                return false;
            try
            {
                using (Process process = Process.GetProcessById(number))
                {
                    if (GetIdentity(process) != identity) return false;
                    use(process);
                    return true;
                }
            }
            catch (Exception)
            {
                // it ends while it is looked up, or is protected
                return false;
            }
        }
    }
}
