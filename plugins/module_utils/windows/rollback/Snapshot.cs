// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// A host before a change and the intended result of the change: all that a rollback needs, without a controller.
    /// Plain data (SnapshotData).
    /// </summary>
    public class Snapshot
    {
        public string Token = "", Process = "";
        public DateTime Deadline;
        /// <summary>Management connections that stood when the change was applied: none of them confirms it.</summary>
        public readonly List<Connection> Appliers = new List<Connection>();
        public Memory Before = new Memory(), After = new Memory();
        public readonly List<Rule> ManagedBefore = new List<Rule>();
        /// <summary>Name and hash of each managed rule after the change.</summary>
        public readonly List<KeyValuePair<string, string>> ManagedAfter = new List<KeyValuePair<string, string>>();
        public readonly List<SwitchedRule> SwitchedOn = new List<SwitchedRule>(),
            SwitchedOff = new List<SwitchedRule>();
        public readonly Dictionary<int, Profile> ProfilesBefore = new Dictionary<int, Profile>();
        public readonly Dictionary<int, Profile> ProfilesAfter = new Dictionary<int, Profile>();
        /// <summary>Connections that must be allowed after the change, too.</summary>
        public readonly List<Connection> Connections = new List<Connection>();

        public static Snapshot Create(State state, Target target, Memory before, Memory after)
        {
            Snapshot snapshot = new Snapshot { Before = before, After = after };
            foreach (Rule rule in state.Managed) if (!rule.Unreadable) snapshot.ManagedBefore.Add(rule.Normalised());
            foreach (Rule rule in target.Managed) snapshot.ManagedAfter.Add(Hash(rule));
            foreach (Rule rule in target.RulesToEnable)
                snapshot.SwitchedOn.Add(new SwitchedRule(rule, state.CountAlike(rule, true)));
            foreach (Rule rule in target.RulesToDisable)
                snapshot.SwitchedOff.Add(new SwitchedRule(rule, state.CountAlike(rule, false)));
            foreach (int number in Profile.Numbers)
            {
                snapshot.ProfilesBefore[number] = state.Profiles[number];
                snapshot.ProfilesAfter[number] = target.Profiles[number];
            }
            return snapshot;
        }

        static KeyValuePair<string, string> Hash(Rule rule)
        {
            return new KeyValuePair<string, string>(rule.Name, Memory.ComputeHash(rule.GetManagedText()));
        }

        /// <summary>What Observer.Observe needs to read every rule that the change touches.</summary>
        public List<SwitchedRule> GetSwitched()
        {
            List<SwitchedRule> all = Memory.Union(Before, After).GetSwitched();
            all.AddRange(SwitchedOff);
            all.AddRange(SwitchedOn);
            return all;
        }

        /// <summary>
        /// The first difference between STATE and the intended result of the change, or null. Rules of others are only
        /// looked at right after the change (WITHOTHERS): later on, what they are is somebody else's doing.
        /// </summary>
        public Refusal FindDeviation(State state, bool withOthers)
        {
            List<KeyValuePair<string, string>> missing = new List<KeyValuePair<string, string>>(ManagedAfter);
            foreach (Rule rule in state.Managed)
                if (rule.Unreadable || !missing.Remove(Hash(rule)))
                    return new Refusal("rule_differs", "rule", rule.Name);
            if (missing.Count > 0) return new Refusal("rule_missing", "rule", missing[0].Key);
            foreach (int number in Profile.Numbers)
                foreach (Setting setting in Profile.Settings)
                    if (state.Profiles[number].Get(setting) != ProfilesAfter[number].Get(setting))
                        return new Refusal("setting_differs", "profile", number);
            if (!withOthers) return null;
            return FindSwitchedBack(state, SwitchedOff, false, "other_enabled")
                ?? FindSwitchedBack(state, SwitchedOn, true, "other_disabled");
        }

        /// <summary>
        /// New rules that have the same effect are no deviation: only those that were switched count.
        /// </summary>
        static Refusal FindSwitchedBack(State state, List<SwitchedRule> switched, bool enabled, string code)
        {
            List<SwitchedRule> missing = new List<SwitchedRule>();
            SwitchedRule.Find(switched, Filter(state, enabled), missing);
            // one that is gone is no longer in the way
            foreach (Rule rule in SwitchedRule.Find(missing, Filter(state, !enabled), new List<SwitchedRule>()))
                return new Refusal(code, "rule", rule.Name);
            return null;
        }

        static List<Rule> Filter(State state, bool enabled)
        {
            return state.Unmanaged.FindAll(delegate(Rule rule) { return rule.Enabled == enabled; });
        }

        /// <summary>
        /// What STATE becomes to be as before. Settings that somebody else changed since are kept. NOTFOUND receives
        /// the rules of others that were switched and are not there any more; then management rules stay, as the
        /// missing ones may have been the way in.
        /// </summary>
        public Target BuildTarget(State state, List<SwitchedRule> notFound)
        {
            Target target = new Target();
            target.Managed.AddRange(ManagedBefore);
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], before = ProfilesBefore[number], after = ProfilesAfter[number];
                Profile wanted = now.Copy();
                foreach (Setting setting in Profile.Settings)
                    if (now.Get(setting) == after.Get(setting)) wanted.Set(setting, before.Get(setting));
                target.Profiles[number] = wanted;
            }
            AddSwitchedBack(state, SwitchedOff, true, target.RulesToEnable, notFound);
            AddSwitchedBack(state, SwitchedOn, false, target.RulesToDisable, new List<SwitchedRule>());
            if (notFound.Count == 0) return target;
            foreach (Rule rule in state.Managed)
                if (Management.IsManagementRule(rule) && !target.Managed.Exists(rule.IsMetBy)) target.Managed.Add(rule);
            return target;
        }

        /// <summary>
        /// Those of SWITCHED that are not ENABLED now, if so they are to be. One that is so already was switched back
        /// by somebody, or the change did not come so far.
        /// </summary>
        static void AddSwitchedBack(State state, List<SwitchedRule> switched, bool enabled, List<Rule> into,
            List<SwitchedRule> notFound)
        {
            List<SwitchedRule> open = new List<SwitchedRule>();
            into.AddRange(SwitchedRule.Find(switched, Filter(state, !enabled), open));
            SwitchedRule.Find(open, Filter(state, enabled), notFound);
        }
    }
}
