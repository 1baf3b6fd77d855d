// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Results;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Targets;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Changes
{
    /// <summary>
    /// One change: planned, proven safe, and every new rule built by Windows. Nothing has changed until its steps run.
    /// </summary>
    public class Change
    {
        public readonly Plan Plan;
        public readonly Snapshot Snapshot;
        public readonly ModuleResult Result;

        /// <summary>
        /// POLICY null removes the rules managed by portmatrix. Raises PolicyException on a lock-out.
        /// </summary>
        public Change(Dependencies dependencies, Request request, Policy policy)
        {
            FormerState former = FormerState.Read(dependencies.Host), nextFormer = new FormerState();
            State state = Observer.Observe(dependencies.Store, former);
            List<Rule> rules = policy == null ? null : BuildRules(dependencies, request, policy, state);
            Target target = policy == null ? TargetBuilder.BuildReleased(state, former)
                : TargetBuilder.BuildEnforced(state, policy, rules, former, nextFormer);
            Plan = new Plan(state, target);
            Snapshot = Snapshot.Create(state, target, former, nextFormer);
            SimulateSteps(dependencies, request, state, policy);
            foreach (Operation step in Plan.Operations) step.Prepare(dependencies.Store);
            Result = ModuleResult.ForChange(state, target, policy, Plan.Operations.Count > 0);
        }

        static List<Rule> BuildRules(Dependencies dependencies, Request request, Policy policy, State state)
        {
            Observer.RequireLocalRulesToApply(dependencies.Store, state);
            SortedDictionary<int, bool> ports = new SortedDictionary<int, bool>();
            foreach (int port in Observer.GetManagementPorts(dependencies.Host, request.Port)) ports[port] = true;
            foreach (int port in policy.GetManagementPorts()) ports[port] = true;
            if (ports.Count == 0)
                throw new PolicyException("no management access was found on this host (no listener on the ports of "
                    + "SSH, RDP and WinRM), so no port would stay open for management; "
                    + "set its ports in portmatrix_management_ports. Nothing was changed");
            return policy.BuildRules(ports.Keys);
        }

        /// <summary>
        /// Raise PolicyException where a connection that must be allowed would be blocked after any step.
        /// </summary>
        void SimulateSteps(Dependencies dependencies, Request request, State state, Policy policy)
        {
            List<Connection> connections = Observer.GetManagementConnections(dependencies.Host, request.Port);
            if (policy != null && request.ConfirmConnections)
            {
                Snapshot.Connections.AddRange(GetDocumentedConnections(dependencies.Host, state, policy));
                connections.AddRange(Snapshot.Connections);
            }
            Guard guard = new Guard(connections, state.GetAllRules(), state.Profiles, state.ActiveProfiles);
            foreach (Operation step in Plan.Operations)
            {
                step.Simulate(guard);
                Connection blocked = guard.FindBlockedConnection();
                if (blocked == null) continue;
                throw new PolicyException(policy == null
                    ? "without the rules managed by portmatrix, Windows Firewall would block " + blocked
                        + "; allow it in Windows Firewall first. Nothing was changed"
                    : "the new rules would block " + blocked + "; add " + blocked.Peer
                        + " to portmatrix_management_sources, and check that no other rule of Windows Firewall "
                        + "blocks it. Nothing was changed");
            }
        }

        /// <summary>
        /// Established connections that are allowed now and documented by the policy, guard rules apart.
        /// </summary>
        static List<Connection> GetDocumentedConnections(IHost host, State state, Policy policy)
        {
            List<Rule> documentedRules = policy.BuildRules(new int[0]).FindAll(delegate(Rule rule)
            {
                return rule.Name.IndexOf("/" + Policy.GuardFlow + " ", StringComparison.Ordinal) < 0;
            });
            return host.GetEstablishedConnections().FindAll(delegate(Connection connection)
            {
                bool documented = documentedRules.Exists(delegate(Rule rule)
                {
                    return connection.GetVerdict(rule) > 0;
                });
                if (!documented) return false;
                Connection[] single = { connection };
                Guard guard = new Guard(single, state.GetAllRules(), state.Profiles, state.ActiveProfiles);
                return guard.FindBlockedConnection() == null;
            });
        }
    }
}
