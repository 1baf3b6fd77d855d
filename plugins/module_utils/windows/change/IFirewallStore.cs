// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>The rules and settings of Windows Firewall. The only access to it; tests replace it.</summary>
    public interface IFirewallStore
    {
        /// <summary>Every rule, with Name, Grouping, Enabled and Handle only; Read fills in the rest.</summary>
        List<Rule> List();

        /// <summary>All of a listed rule. One that cannot be read is marked Unreadable.</summary>
        Rule Read(Rule listed);

        /// <summary>
        /// Build a detached rule. Windows validates it here, before anything has changed. Raises Refusal where Windows
        /// refuses the rule.
        /// </summary>
        object Build(Rule rule);

        void Add(object built);

        /// <summary>Names are not unique, so a rule is renamed by its handle before it is removed by name.</summary>
        void Rename(Rule existing, string name);

        void Remove(string name);

        void SetEnabled(Rule existing, bool enabled);

        Profile GetProfile(int number);

        void SetFirewallEnabled(int number, bool enabled);

        void SetDefaultAction(int number, bool inbound, bool block);

        void SetDroppedLogged(int number, bool logged);

        /// <summary>The active profiles, as bits; 0 where no network is connected.</summary>
        int GetActiveProfiles();

        /// <summary>0: rules can be changed; 1: group policy overrides; 2: all inbound traffic is blocked.</summary>
        int GetModifyState();

        ProfilePolicy GetPolicy(int number);

        /// <summary>Network adapters to which the firewall does not apply in a profile.</summary>
        List<string> GetExcludedInterfaces(int number);
    }
}
