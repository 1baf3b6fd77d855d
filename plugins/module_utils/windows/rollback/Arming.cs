// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;

    /// <summary>Makes the host roll a change back by itself, from here on.</summary>
    public static class Arming
    {
        /// <summary>A window holds the rules read this often, and so many seconds for all the rest.</summary>
        const int Readings = 4, Reserve = 4;

        /// <summary>Raises Refusal, with nothing changed, where the rollback could not be prepared.</summary>
        public static void Arm(Machine machine, Request request, Change change)
        {
            Snapshot snapshot = change.Snapshot;
            snapshot.Token = request.Token;
            try
            {
                snapshot.Process = machine.Host.GetProcessIdentity();
                machine.Folder.Write(Records.Claim, null);
                machine.Folder.Write(Records.Library, null);
                if (request.Library != null) machine.Folder.WriteBytes(Records.Library, request.Library);
                machine.Folder.Write(Records.Program, request.Program);
                DateTime late = machine.Host.UtcNow().AddSeconds(Rehearsal.Patience + request.ConfirmTimeout);
                machine.Task.Register(snapshot.Token, late);
                double seconds = Math.Max(Rehearsal.Hold(machine, snapshot.Token), change.State.Seconds);
                RequireWindow(request, seconds);
                snapshot.Deadline = machine.Host.UtcNow().AddSeconds(request.ConfirmTimeout);
                // the task first: a pending change without a task would stay pending, while a task without a change
                // removes itself
                machine.Task.Register(snapshot.Token, snapshot.Deadline);
                machine.Folder.Write(Records.Pending, SnapshotData.Serialize(snapshot));
            }
            catch (Exception error)
            {
                Undo(machine);
                if (error is Refusal) throw;
                throw new Refusal("not_armed", "problem", error.Message);
            }
        }

        /// <summary>Raises Refusal where the window cannot hold, as the rules take SECONDS to read.</summary>
        public static void RequireWindow(Request request, double seconds)
        {
            int needed = (int)Math.Ceiling(seconds * Readings) + Reserve;
            if (needed > request.ConfirmTimeout) throw new Refusal("window_too_short", "seconds", needed);
        }

        static void Undo(Machine machine)
        {
            try
            {
                machine.Folder.Write(Records.Pending, null);
                Records.RemoveProgram(machine);
            }
            catch (Exception)
            {
                // the reason is said already; a task that finds nothing to do removes itself
            }
        }
    }
}
