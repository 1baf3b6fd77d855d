// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots
{
    /// <summary>
    /// A host before a change and the intended result of the change: all that a rollback needs, without a controller.
    /// Plain data. The keys of its JSON are a contract: a newer version of this code may read the snapshot of an older
    /// one.
    /// </summary>
    public class Snapshot
    {
        /// <summary>
        /// Registry values: the snapshot of the pending change, the last outcome, the rollback program.
        /// </summary>
        public const string PendingValue = "Pending", OutcomeValue = "Outcome", ProgramValue = "Program";
        public string Token = "", Process = "";
        public DateTime Deadline;
        /// <summary>The connection that applied the change, where it is known.</summary>
        public Connection Applier;
        public FormerState Before = new FormerState(), After = new FormerState();
        public readonly List<Rule> ManagedBefore = new List<Rule>();
        public readonly List<string> ManagedAfter = new List<string>();
        public readonly List<string> SwitchedOn = new List<string>(), SwitchedOff = new List<string>();
        public readonly Dictionary<int, Profile> ProfilesBefore = new Dictionary<int, Profile>();
        public readonly Dictionary<int, Profile> ProfilesAfter = new Dictionary<int, Profile>();
        /// <summary>Connections that must be allowed after the change, too.</summary>
        public readonly List<Connection> Connections = new List<Connection>();

        public static Snapshot Create(State state, Target target, FormerState before, FormerState after)
        {
            Snapshot snapshot = new Snapshot();
            snapshot.Before = before;
            snapshot.After = after;
            foreach (Rule rule in state.Managed) snapshot.ManagedBefore.Add(rule.Normalised());
            foreach (Rule rule in target.Managed) snapshot.ManagedAfter.Add(rule.ToCanonicalText());
            foreach (Rule rule in target.RulesToEnable) snapshot.SwitchedOn.Add(rule.GetIdentity());
            foreach (Rule rule in target.RulesToDisable) snapshot.SwitchedOff.Add(rule.GetIdentity());
            foreach (int number in Profile.Numbers)
            {
                snapshot.ProfilesBefore[number] = state.Profiles[number];
                snapshot.ProfilesAfter[number] = target.Profiles[number];
            }
            return snapshot;
        }

        /// <summary>
        /// Restore what the host had before the change. Settings that somebody else changed since are kept. Safe to
        /// repeat.
        /// </summary>
        public void Restore(Dependencies dependencies)
        {
            State state = Observer.Observe(dependencies.Store, GetFormerStateToObserve());
            Plan plan = new Plan(state, BuildTarget(state));
            foreach (Operation step in plan.Operations) step.Prepare(dependencies.Store);
            foreach (Operation step in plan.Operations) step.Run(dependencies.Store);
            dependencies.Host.WriteValue(FormerState.ValueName, Before.ToJson());
        }

        Target BuildTarget(State state)
        {
            Target target = new Target();
            target.Managed.AddRange(ManagedBefore);
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], before = ProfilesBefore[number], after = ProfilesAfter[number];
                Profile wanted = now.Copy();
                if (now.Enabled == after.Enabled) wanted.Enabled = before.Enabled;
                if (now.BlockInbound == after.BlockInbound) wanted.BlockInbound = before.BlockInbound;
                if (now.BlockOutbound == after.BlockOutbound) wanted.BlockOutbound = before.BlockOutbound;
                target.Profiles[number] = wanted;
            }
            foreach (Rule rule in state.Unmanaged)
            {
                if (!rule.Enabled && SwitchedOff.Contains(rule.GetIdentity())) target.RulesToEnable.Add(rule);
                if (rule.Enabled && SwitchedOn.Contains(rule.GetIdentity())) target.RulesToDisable.Add(rule);
            }
            return target;
        }

        /// <summary>What Observer.Observe needs to read every rule that the change touches.</summary>
        public FormerState GetFormerStateToObserve()
        {
            FormerState former = FormerState.Union(Before, After);
            former.SwitchedOff.AddRange(SwitchedOff);
            former.SwitchedOff.AddRange(SwitchedOn);
            return former;
        }

        /// <summary>The first difference between STATE and the intended result of the change, or null.</summary>
        public string FindDeviation(State state)
        {
            List<string> missing = new List<string>(ManagedAfter);
            foreach (Rule rule in state.Managed)
                if (!missing.Remove(rule.ToCanonicalText()))
                    return "the rule '" + rule.Name + "' differs from what was written: " + rule.ToCanonicalText();
            if (missing.Count > 0) return "a rule is missing: " + missing[0];
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], after = ProfilesAfter[number];
                if (now.Enabled != after.Enabled || now.BlockInbound != after.BlockInbound
                    || now.BlockOutbound != after.BlockOutbound)
                    return "the settings of the " + Profile.GetName(number) + " profile differ from what was written";
            }
            foreach (Rule rule in state.Unmanaged)
            {
                string identity = rule.GetIdentity();
                if (rule.Enabled && SwitchedOff.Contains(identity))
                    return "the rule '" + rule.Name + "', not managed by portmatrix, must be disabled and is enabled";
                if (!rule.Enabled && SwitchedOn.Contains(identity))
                    return "the rule '" + rule.Name + "', not managed by portmatrix, must be enabled and is disabled";
            }
            return null;
        }

        public string ToJson()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["token"] = Token;
            data["process"] = Process;
            data["deadline"] = Deadline.Ticks;
            data["applier"] = Applier == null ? null : new List<object> { Applier.Peer, Applier.PeerPort };
            data["before"] = Before.ToJson();
            data["after"] = After.ToJson();
            data["own before"] = ManagedBefore.ConvertAll<object>(delegate(Rule rule) { return rule.ToData(); });
            data["own after"] = ManagedAfter;
            data["switched on"] = SwitchedOn;
            data["switched off"] = SwitchedOff;
            data["profiles before"] = ConvertProfiles(ProfilesBefore);
            data["profiles after"] = ConvertProfiles(ProfilesAfter);
            data["flows"] = Connections.ConvertAll<object>(delegate(Connection connection)
            {
                return new List<object> { connection.Inbound, connection.Peer, connection.Port };
            });
            return JsonWriter.Serialize(data);
        }

        static Dictionary<string, object> ConvertProfiles(Dictionary<int, Profile> profiles)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (KeyValuePair<int, Profile> entry in profiles)
            {
                Profile profile = entry.Value;
                data[entry.Key.ToString(CultureInfo.InvariantCulture)] =
                    new bool[] { profile.Enabled, profile.BlockInbound, profile.BlockOutbound };
            }
            return data;
        }

        public static Snapshot Parse(string text)
        {
            Dictionary<string, object> data = (Dictionary<string, object>)JsonReader.Parse(text);
            Snapshot snapshot = new Snapshot();
            snapshot.Token = (string)data["token"];
            snapshot.Process = (string)data["process"];
            snapshot.Deadline = new DateTime((long)data["deadline"], DateTimeKind.Utc);
            List<object> applier = (List<object>)data["applier"];
            if (applier != null)
                snapshot.Applier = new Connection { Peer = (string)applier[0], PeerPort = (int)(long)applier[1] };
            snapshot.Before = FormerState.Parse((string)data["before"]);
            snapshot.After = FormerState.Parse((string)data["after"]);
            foreach (object rule in (List<object>)data["own before"])
                snapshot.ManagedBefore.Add(Rule.FromData((Dictionary<string, object>)rule));
            AddTexts(data["own after"], snapshot.ManagedAfter);
            AddTexts(data["switched on"], snapshot.SwitchedOn);
            AddTexts(data["switched off"], snapshot.SwitchedOff);
            AddProfiles(data["profiles before"], snapshot.ProfilesBefore);
            AddProfiles(data["profiles after"], snapshot.ProfilesAfter);
            foreach (List<object> entry in (List<object>)data["flows"])
                snapshot.Connections.Add(
                    new Connection { Inbound = (bool)entry[0], Peer = (string)entry[1], Port = (int)(long)entry[2] });
            return snapshot;
        }

        static void AddTexts(object list, List<string> texts)
        {
            foreach (object item in (List<object>)list) texts.Add((string)item);
        }

        static void AddProfiles(object data, Dictionary<int, Profile> profiles)
        {
            foreach (KeyValuePair<string, object> entry in (Dictionary<string, object>)data)
            {
                List<object> flags = (List<object>)entry.Value;
                profiles[Int32.Parse(entry.Key, CultureInfo.InvariantCulture)] = new Profile
                {
                    Enabled = (bool)flags[0],
                    BlockInbound = (bool)flags[1],
                    BlockOutbound = (bool)flags[2],
                };
            }
        }
    }
}
