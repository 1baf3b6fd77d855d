// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Threading;

    /// <summary>What is called from outside: by the module, and by the task of the operating system.</summary>
    public static class Program
    {
        const int MaxAttempts = 9, Pause = 5000;

        /// <summary>
        /// The answer to the request TEXT, whose checksum is SHA256, as JSON: `facts`, or `refused` (a code) with
        /// `details`. SOURCE is the text of this program and LIBRARY what was compiled from it, for the rollback; null
        /// where Windows PowerShell 5.1 could not load that.
        /// </summary>
        public static string Run(string text, string sha256, string source, byte[] library)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            try
            {
                Request request = Request.Parse(text, sha256);
                request.Program = source;
                request.Library = library;
                answer["facts"] = Run(Parts.Create(), request);
            }
            catch (Refusal refusal)
            {
                answer["refused"] = refusal.Code;
                answer["details"] = refusal.Details;
            }
            return JsonWriter.Serialize(answer);
        }

        /// <summary>Raises Refusal.</summary>
        public static Dictionary<string, object> Run(Machine machine, Request request)
        {
            switch (request.State)
            {
                case "gathered": return Facts.Gather(machine);
                case "confirmed": return Ending.Confirm(machine, request);
                default: return new Convergence(machine, request).Run();
            }
        }

        /// <summary>
        /// The task of the operating system, for the change TOKEN: 0 where nothing is left to do. At the start of the
        /// host the firewall may not be up yet.
        /// </summary>
        public static int RunTask(string token)
        {
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    return Expiry.Run(Parts.Create(), token);
                }
                catch (Exception)
                {
                    if (attempt == MaxAttempts) return 1;
                }
                Thread.Sleep(Pause);
            }
        }
    }
}
