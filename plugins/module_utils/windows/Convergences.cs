// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Memories;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Reports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rescues;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Targets;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences
{
    /// <summary>What the module was asked for. Port: of the controller's connection; Program: what the timer runs; ConfirmTimeout: seconds, 0 keeps a change
    /// at once.</summary>
    public class Request
    {
        public string State = "", Policy = "", Token = "", Program = "";
        public bool Check, ConfirmFlows;
        public int ConfirmTimeout, Port;
    }

    /// <summary>Brings one Windows host to its policy: observe, plan, guard, build, snapshot, arm, apply, verify; then keep it, or leave it to its
    /// confirmation.</summary>
    public static class Convergence
    {
        const int Patience = 60, Grace = 60;

        /// <summary>Dispatches by state; every value is checked here, as Ansible takes choices in any case and null for what is required.</summary>
        public static Report Run(Seam seam, Request request)
        {
            string state = (request.State ?? "").ToLowerInvariant();
            if (state == "enforced") return Converge(seam, request, Policy.Parse(request.Policy));
            if (state == "absent") return Converge(seam, request, null);
            if (state == "gathered") return Report.Gathered(seam, Observer.Observe(seam.Store, Recall(seam.Host)));
            if (state == "confirmed") return Report.Of(Rescue.Confirm(seam, request.Token ?? ""));
            throw new PolicyException("state: '" + request.State + "' is unknown; choose from enforced, absent, gathered, confirmed");
        }

        static Memory Recall(IHost host)
        {
            return Memory.Parse(host.Recall(Memory.Name));
        }

        static Report Converge(Seam seam, Request request, Policy policy)
        {
            if (!seam.Host.IsAdministrator()) throw new PolicyException("this needs an administrator on the host; connect as one");
            if (request.Check) return new Change(seam, request, policy).Report;
            for (int waited = 0; ; waited++)
            {
                using (seam.Host.Alone(Patience))
                {
                    Snapshot waiting = Rescue.Waiting(seam.Host);
                    if (waiting != null && waiting.Deadline.AddSeconds(Grace) < seam.Host.UtcNow()) TidyUp(seam, waiting);
                    else if (waiting == null) return Apply(seam, request, new Change(seam, request, policy));
                    else if (waited > Patience + Grace)
                        throw new PolicyException("another run's change waits for its confirmation; wait for it, then run again");
                }
                seam.Host.Sleep(1);
            }
        }

        /// <summary>A change whose timer did not run is rolled back by whoever comes next.</summary>
        static void TidyUp(Seam seam, Snapshot waiting)
        {
            Dictionary<string, object> answer = Rescue.Undo(seam, waiting, "its timer did not run");
            if ((string)answer["outcome"] != "rolled back")
                throw new PolicyException("an earlier change was never confirmed, and " + answer["reason"] + "; look at the host now");
        }

        static Report Apply(Seam seam, Request request, Change change)
        {
            if (change.Plan.Operations.Count == 0) return change.Report;
            Snapshot snapshot = change.Snapshot;
            if (request.ConfirmTimeout > 0) Arm(seam, request, snapshot);
            try
            {
                // a crash between the first step and the last must not forget what was before us
                seam.Host.Keep(Memory.Name, Memory.Union(snapshot.Before, snapshot.After).Text());
                foreach (Operation step in change.Plan.Operations) step.Run(seam.Store);
                string deviation = snapshot.Deviation(Observer.Observe(seam.Store, snapshot.Known()));
                if (deviation != null) throw new PolicyException("Windows Firewall does not hold what was written: " + deviation);
            }
            catch (Exception error)
            {
                throw new PolicyException(error.Message + "; " + GoBack(seam, request, snapshot), error);
            }
            if (request.ConfirmTimeout == 0) seam.Host.Keep(Memory.Name, snapshot.After.Text());
            else if (snapshot.Deadline <= seam.Host.UtcNow())
            {
                Rescue.Undo(seam, snapshot, "its time was over");
                throw new PolicyException("applying took longer than confirm_timeout (" + request.ConfirmTimeout.ToString(CultureInfo.InvariantCulture)
                    + " s), so the host went back to its former rules; give it more time");
            }
            else change.Report.Wait(snapshot.Token);
            return change.Report;
        }

        /// <summary>From here on the host goes back by itself.</summary>
        static void Arm(Seam seam, Request request, Snapshot snapshot)
        {
            if (String.IsNullOrEmpty(request.Program))
                throw new PolicyException("confirm_timeout needs the program that the action plugin sends along; use portmatrix.firewall.policy, "
                    + "or confirm_timeout: 0");
            snapshot.Token = Guid.NewGuid().ToString("N");
            snapshot.Process = seam.Host.Process();
            snapshot.Applier = seam.Host.Own();
            snapshot.Deadline = seam.Host.UtcNow().AddSeconds(request.ConfirmTimeout);
            try
            {
                seam.Host.Keep(Snapshot.Program, request.Program);
                // the timer first: a change that waits without one would wait for ever, while a timer without a change does nothing
                seam.Timer.Arm(snapshot.Token, request.ConfirmTimeout, request.Program);
                seam.Host.Keep(Snapshot.Pending, snapshot.Text());
            }
            catch (Exception error)
            {
                seam.Host.Keep(Snapshot.Pending, null);
                throw new PolicyException("the way back could not be prepared, so nothing was changed: " + error.Message, error);
            }
        }

        static string GoBack(Seam seam, Request request, Snapshot snapshot)
        {
            Dictionary<string, object> answer = Rescue.Undo(seam, snapshot, "applying it failed");
            string armed = request.ConfirmTimeout > 0 ? "its timer will try again" : "look at the host now";
            return (string)answer["outcome"] == "rolled back" ? "the host has its former rules back" : "and " + answer["reason"] + "; " + armed;
        }
    }

    /// <summary>One change, planned and proven safe, with every rule built by Windows: nothing has changed until its steps run.</summary>
    public class Change
    {
        public readonly Plan Plan;
        public readonly Snapshot Snapshot;
        public readonly Report Report;

        /// <summary>POLICY null is a host without anything of ours. Raises PolicyException where it would lock anybody out.</summary>
        public Change(Seam seam, Request request, Policy policy)
        {
            Memory memory = Memory.Parse(seam.Host.Recall(Memory.Name)), remembered = new Memory();
            State state = Observer.Observe(seam.Store, memory);
            Target target = policy == null ? Aims.Released(state, memory)
                : Aims.Enforced(state, policy, Wanted(seam, request, policy, state), memory, remembered);
            Plan = new Plan(state, target);
            Snapshot = Snapshot.Take(state, target, memory, remembered);
            Foresee(seam, request, state, policy);
            foreach (Operation step in Plan.Operations) step.Prepare(seam.Store);
            Report = Report.Of(seam, state, target, policy, Plan.Operations.Count > 0);
        }

        static List<Rule> Wanted(Seam seam, Request request, Policy policy, State state)
        {
            Observer.RequireOurRulesToCount(seam.Store, state);
            SortedDictionary<int, bool> ports = new SortedDictionary<int, bool>();
            foreach (int port in Observer.ManagementPorts(seam.Host, request.Port)) ports[port] = true;
            foreach (int port in policy.ManagementPorts()) ports[port] = true;
            if (ports.Count == 0)
                throw new PolicyException("no way in was found on this host (nothing listens on the ports of SSH, RDP and WinRM), so nothing would be kept "
                    + "open for management; "
                    + "name its ports in portmatrix_management_ports. Nothing was changed");
            return policy.Rules(ports.Keys);
        }

        void Foresee(Seam seam, Request request, State state, Policy policy)
        {
            List<Connection> connections = Observer.Management(seam.Host, request.Port);
            if (policy != null && request.ConfirmFlows)
            {
                Snapshot.Flows.AddRange(Standing(seam.Host, state, policy));
                connections.AddRange(Snapshot.Flows);
            }
            Guard guard = new Guard(connections, state.All(), state.Profiles, state.Current);
            foreach (Operation step in Plan.Operations)
            {
                step.Foresee(guard);
                Connection stopped = guard.Stopped();
                if (stopped == null) continue;
                throw new PolicyException(policy == null
                    ? "without our rules, Windows Firewall would not let " + stopped + " pass; allow it there first. Nothing was changed"
                    : "the new rules would cut " + stopped + "; add " + stopped.Peer
                        + " to portmatrix_management_sources, and see that no rule of Windows Firewall blocks it. Nothing was changed");
            }
        }

        /// <summary>Connections that stand, pass now and are documented: they have to pass afterwards, too.</summary>
        static List<Connection> Standing(IHost host, State state, Policy policy)
        {
            List<Rule> documented = policy.Rules(new int[0]);
            return host.Established().FindAll(delegate(Connection found)
            {
                Connection[] one = { found };
                bool named = documented.Exists(delegate(Rule rule)
                {
                    return rule.Name.IndexOf("/" + Policy.Guard + " ", StringComparison.Ordinal) < 0 && found.Verdict(rule) > 0;
                });
                return named && new Guard(one, state.All(), state.Profiles, state.Current).Stopped() == null;
            });
        }
    }
}
