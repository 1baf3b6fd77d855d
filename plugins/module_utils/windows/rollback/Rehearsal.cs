// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// Proof that the rollback would work, before anything has changed: the task runs as SYSTEM, compiles the program
    /// and reads the firewall.
    /// </summary>
    public static class Rehearsal
    {
        /// <summary>Seconds that the Task Scheduler has, and milliseconds.</summary>
        public const int Patience = 60;
        const int Pause = 200;

        /// <summary>
        /// Ask the registered task for it. Returns how long the rules take to read, in seconds. Raises Refusal where
        /// the task does not answer, or found a problem.
        /// </summary>
        public static double Hold(Machine machine, string token)
        {
            machine.Folder.Write(Records.Rehearsal, Serialize(token, "asked", "", 0));
            machine.Task.Run();
            for (int waited = 0; waited <= Patience * 1000; waited += Pause)
            {
                Fields fields = Read(machine);
                if (fields != null && fields.GetChoice("state", "asked", "done", "failed") != "asked")
                {
                    machine.Folder.Write(Records.Rehearsal, null);
                    if (fields.GetText("state") == "failed")
                        throw new Refusal("rehearsal_failed", "problem", fields.GetText("problem"));
                    return fields.GetNumber("milliseconds", 0, Int32.MaxValue) / 1000.0;
                }
                machine.Host.Sleep(Pause);
            }
            throw new Refusal("task_silent", "seconds", Patience);
        }

        public static bool IsAsked(Machine machine, string token)
        {
            Fields fields = Read(machine);
            return fields != null && fields.GetText("token") == token && fields.GetText("state") == "asked";
        }

        /// <summary>What the task does for a rehearsal.</summary>
        public static int Run(Machine machine, string token)
        {
            try
            {
                State state = Observer.Observe(machine, new List<SwitchedRule>());
                machine.Folder.Write(Records.Rehearsal, Serialize(token, "done", "", (long)(state.Seconds * 1000)));
            }
            catch (Exception error)
            {
                machine.Folder.Write(Records.Rehearsal, Serialize(token, "failed", error.Message, 0));
            }
            return 0;
        }

        static Fields Read(Machine machine)
        {
            string text = machine.Folder.Read(Records.Rehearsal);
            try
            {
                return text == null ? null : Fields.Parse(text, "rehearsal", "token", "state", "problem",
                    "milliseconds");
            }
            catch (FormatException)
            {
                return null;
            }
        }

        static string Serialize(string token, string state, string problem, long milliseconds)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["token"] = token;
            data["state"] = state;
            data["problem"] = problem;
            data["milliseconds"] = milliseconds;
            return JsonWriter.Serialize(data);
        }
    }
}
