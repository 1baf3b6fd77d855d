// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Memories;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots
{
    /// <summary>A host before a change and what the change was to make of it, enough to go back without a controller. A value of plain data.</summary>
    public class Snapshot
    {
        public const string Pending = "Pending", Outcome = "Outcome", Program = "Program";
        public string Token = "", Process = "";
        public DateTime Deadline;
        public Connection Applier;
        public Memory Before = new Memory(), After = new Memory();
        public readonly List<Rule> OwnBefore = new List<Rule>();
        public readonly List<string> OwnAfter = new List<string>(), SwitchedOn = new List<string>(), SwitchedOff = new List<string>();
        public readonly Dictionary<int, Profile> ProfilesBefore = new Dictionary<int, Profile>(), ProfilesAfter = new Dictionary<int, Profile>();
        public readonly List<Connection> Flows = new List<Connection>();

        public static Snapshot Take(State state, Target target, Memory before, Memory after)
        {
            Snapshot snapshot = new Snapshot();
            snapshot.Before = before;
            snapshot.After = after;
            foreach (Rule rule in state.Own) snapshot.OwnBefore.Add(rule.Spelt());
            foreach (Rule rule in target.Own) snapshot.OwnAfter.Add(rule.Canonical());
            foreach (Rule rule in target.SwitchOn) snapshot.SwitchedOn.Add(rule.Identity());
            foreach (Rule rule in target.SwitchOff) snapshot.SwitchedOff.Add(rule.Identity());
            foreach (int number in Profile.Numbers)
            {
                snapshot.ProfilesBefore[number] = state.Profiles[number];
                snapshot.ProfilesAfter[number] = target.Profiles[number];
            }
            return snapshot;
        }

        /// <summary>Brings the host back to what it was. What somebody else set meanwhile is kept. Safe to repeat.</summary>
        public void Restore(Seam seam)
        {
            State state = Observer.Observe(seam.Store, Known());
            Target target = new Target();
            target.Own.AddRange(OwnBefore);
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = now.Copy(), was = ProfilesBefore[number], made = ProfilesAfter[number];
                if (now.Enabled == made.Enabled) wanted.Enabled = was.Enabled;
                if (now.BlockInbound == made.BlockInbound) wanted.BlockInbound = was.BlockInbound;
                if (now.BlockOutbound == made.BlockOutbound) wanted.BlockOutbound = was.BlockOutbound;
                target.Profiles[number] = wanted;
            }
            foreach (Rule rule in state.Others)
            {
                if (!rule.Enabled && SwitchedOff.Contains(rule.Identity())) target.SwitchOn.Add(rule);
                if (rule.Enabled && SwitchedOn.Contains(rule.Identity())) target.SwitchOff.Add(rule);
            }
            Plan plan = new Plan(state, target);
            foreach (Operation step in plan.Operations) step.Prepare(seam.Store);
            foreach (Operation step in plan.Operations) step.Run(seam.Store);
            seam.Host.Keep(Memory.Name, Before.Text());
        }

        /// <summary>All that has to be looked at to see where the change stands.</summary>
        public Memory Known()
        {
            Memory known = Memory.Union(Before, After);
            known.SwitchedOff.AddRange(SwitchedOff);
            known.SwitchedOff.AddRange(SwitchedOn);
            return known;
        }

        /// <summary>In what the host is not as the change was to make it, or null.</summary>
        public string Deviation(State state)
        {
            List<string> left = new List<string>(OwnAfter);
            foreach (Rule rule in state.Own)
                if (!left.Remove(rule.Canonical())) return "the rule '" + rule.Name + "' is not as it was written: " + rule.Canonical();
            if (left.Count > 0) return "a rule is missing: " + left[0];
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], made = ProfilesAfter[number];
                if (now.Enabled != made.Enabled || now.BlockInbound != made.BlockInbound || now.BlockOutbound != made.BlockOutbound)
                    return "the settings of the " + Profile.Title(number) + " profile are not as they were made";
            }
            foreach (Rule rule in state.Others)
            {
                string identity = rule.Identity();
                if ((rule.Enabled && SwitchedOff.Contains(identity)) || (!rule.Enabled && SwitchedOn.Contains(identity)))
                    return "the rule '" + rule.Name + "' of others is not as it was switched";
            }
            return null;
        }

        public string Text()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["token"] = Token;
            data["process"] = Process;
            data["deadline"] = Deadline.Ticks;
            data["applier"] = Applier == null ? null : new List<object> { Applier.Peer, Applier.PeerPort };
            data["before"] = Before.Text();
            data["after"] = After.Text();
            data["own before"] = OwnBefore.ConvertAll<object>(delegate(Rule rule) { return rule.ToData(); });
            data["own after"] = OwnAfter;
            data["switched on"] = SwitchedOn;
            data["switched off"] = SwitchedOff;
            data["profiles before"] = Flags(ProfilesBefore);
            data["profiles after"] = Flags(ProfilesAfter);
            data["flows"] = Flows.ConvertAll<object>(delegate(Connection flow) { return new List<object> { flow.Inbound, flow.Peer, flow.Port }; });
            return JsonWriter.Text(data);
        }

        static Dictionary<string, object> Flags(Dictionary<int, Profile> profiles)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (KeyValuePair<int, Profile> profile in profiles)
                data[profile.Key.ToString(CultureInfo.InvariantCulture)] = new bool[] { profile.Value.Enabled, profile.Value.BlockInbound,
                    profile.Value.BlockOutbound };
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
            if (applier != null) snapshot.Applier = new Connection { Peer = (string)applier[0], PeerPort = (int)(long)applier[1] };
            snapshot.Before = Memory.Parse((string)data["before"]);
            snapshot.After = Memory.Parse((string)data["after"]);
            foreach (object rule in (List<object>)data["own before"]) snapshot.OwnBefore.Add(Rule.FromData((Dictionary<string, object>)rule));
            Texts(data["own after"], snapshot.OwnAfter);
            Texts(data["switched on"], snapshot.SwitchedOn);
            Texts(data["switched off"], snapshot.SwitchedOff);
            Profiles(data["profiles before"], snapshot.ProfilesBefore);
            Profiles(data["profiles after"], snapshot.ProfilesAfter);
            foreach (List<object> flow in (List<object>)data["flows"])
                snapshot.Flows.Add(new Connection { Inbound = (bool)flow[0], Peer = (string)flow[1], Port = (int)(long)flow[2] });
            return snapshot;
        }

        static void Texts(object list, List<string> found)
        {
            foreach (object item in (List<object>)list) found.Add((string)item);
        }

        static void Profiles(object data, Dictionary<int, Profile> found)
        {
            foreach (KeyValuePair<string, object> entry in (Dictionary<string, object>)data)
            {
                List<object> flags = (List<object>)entry.Value;
                found[Int32.Parse(entry.Key, CultureInfo.InvariantCulture)] = new Profile { Enabled = (bool)flags[0], BlockInbound = (bool)flags[1],
                    BlockOutbound = (bool)flags[2] };
            }
        }
    }
}
