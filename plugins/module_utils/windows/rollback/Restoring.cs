// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>Brings a host back to what it had before a change.</summary>
    public static class Restoring
    {
        const int MaxAttempts = 3, Pause = 1000;

        /// <summary>
        /// Restore what SNAPSHOT holds, and look whether it is there. Safe to repeat. Returns the names of the rules of
        /// others that were not found again; raises an exception where it did not succeed.
        /// </summary>
        public static List<string> Restore(Machine machine, Snapshot snapshot)
        {
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    return RestoreOnce(machine, snapshot);
                }
                catch (Exception)
                {
                    if (attempt == MaxAttempts) throw;
                    machine.Host.Sleep(Pause);
                }
            }
        }

        static List<string> RestoreOnce(Machine machine, Snapshot snapshot)
        {
            List<SwitchedRule> notFound = new List<SwitchedRule>();
            State state = Observer.Observe(machine, snapshot.GetSwitched());
            Target target = snapshot.BuildTarget(state, notFound);
            Apply(machine, new Plan(state, target));
            // what is said of the host has been read from it
            State after = Observer.Observe(machine, snapshot.GetSwitched());
            Plan remaining = new Plan(after, snapshot.BuildTarget(after, new List<SwitchedRule>()));
            foreach (Operation step in remaining.Operations)
                if (!step.IsOptional) throw new Refusal("not_restored", "subject", step.Subject);
            Records.WriteMemory(machine.Folder, snapshot.Before);
            return SwitchedRule.GetNames(notFound);
        }

        static void Apply(Machine machine, Plan plan)
        {
            foreach (Operation step in plan.Operations) step.Prepare(machine.Store);
            foreach (Operation step in plan.Operations)
            {
                try
                {
                    step.Run(machine.Store);
                }
                catch (Exception)
                {
                    if (!step.IsOptional) throw;
                }
            }
        }

        /// <summary>
        /// What can be done where the record of the change is damaged: the rules managed by portmatrix go, and so do
        /// its settings. Where these are not known either, the host is left open rather than locked.
        /// </summary>
        public static void Release(Machine machine)
        {
            Memory memory = new Memory();
            bool known = true;
            try
            {
                memory = Records.ReadMemory(machine.Folder);
                known = !memory.IsEmpty();
            }
            catch (Refusal)
            {
                known = false;
            }
            State state = Observer.Observe(machine, memory.GetSwitched());
            Target target = new TargetBuilder(state, memory, new Memory()).BuildReleased();
            if (!known)
                foreach (Profile profile in target.Profiles.Values)
                    profile.BlockInbound = profile.BlockOutbound = false;
            Apply(machine, new Plan(state, target));
            machine.Folder.Write(Records.Memory, null);
            machine.Folder.Write(Records.Pending, null);
        }
    }
}
