// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// What a host has. Managed: the rules managed by portmatrix. Unmanaged: of the other rules, those that are enabled
    /// and those that portmatrix may have disabled or enabled. Unreadable: enabled rules that could not be read.
    /// </summary>
    public class State
    {
        public readonly List<Rule> Managed = new List<Rule>(), Unmanaged = new List<Rule>();
        public readonly List<Rule> Unreadable = new List<Rule>();
        /// <summary>Disabled rules of others, of which only name, group and state were read.</summary>
        public readonly List<Rule> Unread = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        /// <summary>Bits; all of them where no network is connected, as any may come into force then.</summary>
        public int ActiveProfiles;
        /// <summary>How long it took to read, in seconds.</summary>
        public double Seconds;

        public IEnumerable<Rule> GetAllRules()
        {
            foreach (Rule rule in Managed) yield return rule;
            foreach (Rule rule in Unmanaged) yield return rule;
        }

        public bool IsActive(int number)
        {
            return (ActiveProfiles & number) != 0;
        }

        /// <summary>How many unmanaged rules of the same effect, RULE apart, are ENABLED or not.</summary>
        public int CountAlike(Rule rule, bool enabled)
        {
            string effect = rule.GetEffect();
            return Unmanaged.FindAll(delegate(Rule other)
            {
                return other != rule && other.Enabled == enabled && other.GetEffect() == effect;
            }).Count;
        }

        /// <summary>Whether the firewall is on wherever it is in force.</summary>
        public bool IsOn()
        {
            foreach (int number in Profile.Numbers)
                if (IsActive(number) && !Profiles[number].Enabled) return false;
            return true;
        }
    }

    /// <summary>
    /// What a host is to have: the rules managed by portmatrix, the profile settings, and the other rules to enable and
    /// disable.
    /// </summary>
    public class Target
    {
        public readonly List<Rule> Managed = new List<Rule>(), RulesToEnable = new List<Rule>();
        public readonly List<Rule> RulesToDisable = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        /// <summary>Names of rules that were disabled and are enabled again, by something else.</summary>
        public readonly List<string> CameBack = new List<string>();
        /// <summary>Names of rules that were disabled, and are not there any more as they were.</summary>
        public readonly List<string> NotFound = new List<string>();
        /// <summary>Names of rules that this host does not let anybody disable.</summary>
        public readonly List<string> Fixed = new List<string>();
    }
}
