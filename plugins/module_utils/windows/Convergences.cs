// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Changes;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Results;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rollbacks;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences
{
    /// <summary>
    /// Converges one Windows host to its policy: observe, plan, guard, build, snapshot, arm, apply, verify; then keep
    /// the change, or leave it pending until it is confirmed.
    /// </summary>
    public static class Convergence
    {
        /// <summary>Seconds.</summary>
        const int LockTimeout = 60, Grace = 60;

        /// <summary>
        /// Dispatch by state. Every value is checked here, as Ansible accepts choices in any case and null for required
        /// options.
        /// </summary>
        public static ModuleResult Run(Dependencies dependencies, Request request)
        {
            string state = (request.State ?? "").ToLowerInvariant();
            if (state == "enforced") return Converge(dependencies, request, Policy.Parse(request.Policy));
            if (state == "absent") return Converge(dependencies, request, null);
            if (state == "gathered")
                return ModuleResult.ForGathered(dependencies,
                    Observer.Observe(dependencies.Store, FormerState.Read(dependencies.Host)));
            if (state == "confirmed")
                return ModuleResult.FromAnswer(Rollback.Confirm(dependencies, request.Token ?? ""));
            throw new PolicyException(
                "state: must be enforced, absent, gathered or confirmed, got '" + request.State + "'");
        }

        static ModuleResult Converge(Dependencies dependencies, Request request, Policy policy)
        {
            if (!dependencies.Host.IsAdministrator())
                throw new PolicyException("administrator rights are missing on the host; connect as an administrator");
            if (request.Check) return new Change(dependencies, request, policy).Result;
            for (int waited = 0; ; waited++)
            {
                using (dependencies.Host.Lock(LockTimeout))
                {
                    Snapshot pending = Rollback.ReadPending(dependencies.Host);
                    if (pending == null) return Apply(dependencies, request, new Change(dependencies, request, policy));
                    if (pending.Deadline.AddSeconds(Grace) < dependencies.Host.UtcNow())
                        RollBackOverdue(dependencies, pending);
                    else if (waited > LockTimeout + Grace)
                        throw new PolicyException("a change of another run is pending; "
                            + "wait until it is confirmed or rolled back, then run again");
                }
                dependencies.Host.Sleep(1);
            }
        }

        /// <summary>The next run rolls back a change whose timer did not run.</summary>
        static void RollBackOverdue(Dependencies dependencies, Snapshot pending)
        {
            Dictionary<string, object> answer = Rollback.Run(dependencies, pending, "its timer did not run");
            if ((string)answer["outcome"] != "rolled back")
                throw new PolicyException("an earlier change was never confirmed, and " + answer["reason"]
                    + "; check the host now");
        }

        static ModuleResult Apply(Dependencies dependencies, Request request, Change change)
        {
            if (change.Plan.Operations.Count == 0) return change.Result;
            Snapshot snapshot = change.Snapshot;
            IHost host = dependencies.Host;
            if (request.ConfirmTimeout > 0) Arm(dependencies, request, snapshot);
            try
            {
                // stored before the first step, so that a crash between the steps does not lose the former state
                host.WriteValue(FormerState.ValueName, FormerState.Union(snapshot.Before, snapshot.After).ToJson());
                foreach (Operation step in change.Plan.Operations) step.Run(dependencies.Store);
                State state = Observer.Observe(dependencies.Store, snapshot.GetFormerStateToObserve());
                string deviation = snapshot.FindDeviation(state);
                if (deviation != null)
                    throw new PolicyException("Windows Firewall does not have what was written: " + deviation);
            }
            catch (Exception error)
            {
                string outcome = RollBackAfterError(dependencies, request, snapshot);
                throw new PolicyException(error.Message + "; " + outcome, error);
            }
            if (request.ConfirmTimeout == 0) host.WriteValue(FormerState.ValueName, snapshot.After.ToJson());
            else if (snapshot.Deadline <= host.UtcNow())
            {
                Rollback.Run(dependencies, snapshot, "its confirmation window was over");
                throw new PolicyException("applying the change took longer than confirm_timeout ("
                    + request.ConfirmTimeout.ToString(CultureInfo.InvariantCulture)
                    + " s), so the former rules were restored; set a longer confirm_timeout");
            }
            else change.Result.SetPending(snapshot.Token);
            return change.Result;
        }

        /// <summary>Prepare the rollback. From here on the host rolls the change back unless it is confirmed.</summary>
        static void Arm(Dependencies dependencies, Request request, Snapshot snapshot)
        {
            if (String.IsNullOrEmpty(request.Program))
                throw new PolicyException("program: must not be empty with a confirm_timeout, as it is the rollback "
                    + "program from the action plugin; use portmatrix.firewall.policy, or set confirm_timeout to 0");
            IHost host = dependencies.Host;
            snapshot.Token = Guid.NewGuid().ToString("N");
            snapshot.Process = host.GetProcessIdentity();
            snapshot.Applier = host.GetOwnConnection();
            snapshot.Deadline = host.UtcNow().AddSeconds(request.ConfirmTimeout);
            try
            {
                host.WriteValue(Snapshot.ProgramValue, request.Program);
                // the timer first: a pending change without a timer would stay pending, while a timer without a change
                // does nothing
                dependencies.Timer.Arm(snapshot.Token, request.ConfirmTimeout, request.Program);
                host.WriteValue(Snapshot.PendingValue, snapshot.ToJson());
            }
            catch (Exception error)
            {
                host.WriteValue(Snapshot.PendingValue, null);
                throw new PolicyException(
                    "the rollback could not be prepared, so nothing was changed: " + error.Message, error);
            }
        }

        /// <summary>Roll back a change that failed while it was applied; return the end of the message.</summary>
        static string RollBackAfterError(Dependencies dependencies, Request request, Snapshot snapshot)
        {
            Dictionary<string, object> answer = Rollback.Run(dependencies, snapshot, "applying it failed");
            if ((string)answer["outcome"] == "rolled back") return "the former rules were restored";
            string next = request.ConfirmTimeout > 0 ? "the timer will try again" : "check the host now";
            return "and " + answer["reason"] + "; " + next;
        }
    }
}
