// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// What the task of the operating system does, without Ansible, controller or network, when the window of a change
    /// is over or the host has started.
    /// </summary>
    public static class Expiry
    {
        /// <summary>Seconds.</summary>
        const int LockTimeout = 10;

        /// <summary>0 where nothing is left to do for the change TOKEN, 1 where it is to be tried again.</summary>
        public static int Run(Machine machine, string token)
        {
            Snapshot pending;
            try
            {
                if (Rehearsal.IsAsked(machine, token)) return Rehearsal.Run(machine, token);
                pending = Records.ReadPending(machine.Folder);
            }
            catch (Refusal damaged)
            {
                return RunDamaged(machine, token, damaged);
            }
            if (pending == null) return RemoveItself(machine);
            return pending.Token == token ? RollBack(machine, pending) : 0;
        }

        /// <summary>
        /// Nothing is pending; but a run that prepares its own change has the lock, and the program is its.
        /// </summary>
        static int RemoveItself(Machine machine)
        {
            using (IDisposable taken = machine.Folder.TryLock(0))
            {
                if (taken == null) return 1;
                if (Records.ReadPending(machine.Folder) == null) Records.RemoveProgram(machine);
                return 0;
            }
        }

        static int RunDamaged(Machine machine, string token, Refusal damaged)
        {
            Restoring.Release(machine);
            machine.Folder.Write(Records.Outcome, JsonWriter.Serialize(Records.CreateOutcome(token, Ending.Error,
                "record_damaged", "problem", damaged.ToString())));
            Records.RemoveProgram(machine);
            return 0;
        }

        static int RollBack(Machine machine, Snapshot pending)
        {
            Claim claim = Claim.Read(machine.Folder, pending.Token);
            if (new Ending(machine, pending).IsAtWork(claim)) return 1;
            using (LockOrEnd(machine, pending, claim))
            {
                Snapshot now = Records.ReadPending(machine.Folder);
                if (now == null || now.Token != pending.Token) return 0;
                Dictionary<string, object> answer = new Ending(machine, now).TryRollBack("not_confirmed");
                return answer == null || (string)answer["outcome"] == Ending.Error ? 1 : 0;
            }
        }

        /// <summary>
        /// The lock; a run that still holds it hangs, as calls to Windows Firewall can block for minutes, and is ended.
        /// A rollback does not wait for ever, and goes on without the lock.
        /// </summary>
        static IDisposable LockOrEnd(Machine machine, Snapshot pending, Claim claim)
        {
            try
            {
                IDisposable taken = machine.Folder.TryLock(LockTimeout);
                if (taken != null) return taken;
                machine.Host.EndProcess(pending.Process);
                if (claim != null) machine.Host.EndProcess(claim.Process);
                return machine.Folder.TryLock(LockTimeout);
            }
            catch (Exception)
            {
                return null;
            }
        }
    }
}
