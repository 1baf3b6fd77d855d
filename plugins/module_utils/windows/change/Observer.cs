// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>Reads a host; changes nothing.</summary>
    public static class Observer
    {
        /// <summary>
        /// The state of a host. Rules are listed once. Read in full are those managed by portmatrix, those that are
        /// enabled, and of the rest those that portmatrix may have switched (MEMORY).
        /// </summary>
        public static State Observe(Machine machine, IEnumerable<SwitchedRule> switched)
        {
            IFirewallStore store = machine.Store;
            DateTime start = machine.Host.UtcNow();
            State state = new State();
            foreach (Rule listed in store.List())
            {
                bool isManaged = listed.Grouping == Rule.ManagedGroup && !listed.Unreadable;
                if (!isManaged && !listed.Enabled && listed.Grouping != Others.CoreNetworking) state.Unread.Add(listed);
                else Add(state, store.Read(listed), isManaged);
            }
            AddSwitched(state, store, new List<SwitchedRule>(switched));
            // Windows lists rules in no stable order
            state.Managed.Sort(CompareRules);
            state.Unmanaged.Sort(CompareRules);
            foreach (int number in Profile.Numbers) state.Profiles[number] = store.GetProfile(number);
            int active = store.GetActiveProfiles() & Rule.ProfileBits;
            state.ActiveProfiles = active == 0 ? Rule.ProfileBits : active;
            state.Seconds = (machine.Host.UtcNow() - start).TotalSeconds;
            return state;
        }

        static void Add(State state, Rule rule, bool isManaged)
        {
            if (isManaged) state.Managed.Add(rule);
            else if (rule.Unreadable && rule.Enabled) state.Unreadable.Add(rule);
            else if (!rule.Unreadable) state.Unmanaged.Add(rule);
        }

        /// <summary>
        /// Read the disabled rules that may be meant by SWITCHED; all of them where none is found for one, as names of
        /// built-in rules are read in the language of the reader.
        /// </summary>
        static void AddSwitched(State state, IFirewallStore store, List<SwitchedRule> switched)
        {
            if (switched.Count == 0) return;
            List<Rule> listed = new List<Rule>(state.Unread);
            listed.AddRange(state.Unmanaged);
            bool allFound = switched.TrueForAll(delegate(SwitchedRule one) { return listed.Exists(one.MayMean); });
            ReadMore(state, store, delegate(Rule rule)
            {
                return !allFound || switched.Exists(delegate(SwitchedRule one) { return one.MayMean(rule); });
            });
        }

        /// <summary>Read the disabled rules that may have the same effect as one of RULES.</summary>
        public static void AddAlike(State state, IFirewallStore store, List<Rule> rules)
        {
            List<SwitchedRule> switched =
                rules.ConvertAll<SwitchedRule>(delegate(Rule rule) { return new SwitchedRule(rule, 0); });
            ReadMore(state, store, delegate(Rule rule)
            {
                return switched.Exists(delegate(SwitchedRule one) { return one.MayMean(rule); });
            });
        }

        static void ReadMore(State state, IFirewallStore store, Predicate<Rule> isWanted)
        {
            foreach (Rule rule in state.Unread.FindAll(isWanted))
            {
                state.Unread.Remove(rule);
                Add(state, store.Read(rule), false);
            }
            state.Unmanaged.Sort(CompareRules);
        }

        static int CompareRules(Rule a, Rule b)
        {
            int order = String.CompareOrdinal(a.Name, b.Name);
            if (order != 0 || a.Unreadable || b.Unreadable) return order;
            order = String.CompareOrdinal(a.GetEffect(), b.GetEffect());
            return order != 0 ? order : a.Enabled.CompareTo(b.Enabled);
        }
    }
}
