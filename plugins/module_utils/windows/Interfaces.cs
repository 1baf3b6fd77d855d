// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces
{
    /// <summary>The rules and settings of Windows Firewall. The only access to COM; tests replace it.</summary>
    public interface IFirewallStore
    {
        /// <summary>Every rule, with Name, Grouping, Enabled and Handle only; Read fills in the rest.</summary>
        List<Rule> List();

        Rule Read(Rule listed);

        /// <summary>
        /// Build a detached rule. Windows validates it here, before anything has changed. Raises PolicyException where
        /// Windows refuses the rule.
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

        /// <summary>The active profiles, as bits.</summary>
        int GetActiveProfiles();

        /// <summary>0: rules can be changed; 1: group policy overrides; 2: all inbound traffic is blocked.</summary>
        int GetModifyState();

        /// <summary>Whether group policy applies local rules in a profile.</summary>
        bool AllowsLocalRules(int number);
    }

    /// <summary>What the module needs of a host besides its firewall.</summary>
    public interface IHost
    {
        string GetVersion();

        /// <summary>Whether this process may change the firewall.</summary>
        bool IsAdministrator();

        /// <summary>TCP ports with a listener.</summary>
        List<int> GetListeningPorts();

        /// <summary>Established TCP connections with other hosts; Port is that of the listener.</summary>
        List<Connection> GetEstablishedConnections();

        /// <summary>
        /// The connection that this process runs in (SSH only), or null where it cannot be determined.
        /// </summary>
        Connection GetOwnConnection();

        /// <summary>
        /// The text stored under NAME, or null. Stored values survive a reboot, and only administrators can write them.
        /// </summary>
        string ReadValue(string name);

        /// <summary>Store TEXT under NAME atomically; null deletes the value.</summary>
        void WriteValue(string name, string text);

        /// <summary>
        /// Lock the host against other runs of portmatrix until the result is disposed. Raises PolicyException after
        /// SECONDS.
        /// </summary>
        IDisposable Lock(int seconds);

        DateTime UtcNow();

        void Sleep(int seconds);

        /// <summary>The identity of this process, for EndProcess.</summary>
        string GetProcessIdentity();

        /// <summary>End the process with this IDENTITY; do nothing where it has ended.</summary>
        void EndProcess(string identity);
    }

    /// <summary>A task of the operating system that survives this process, and a reboot.</summary>
    public interface IRollbackTimer
    {
        /// <summary>PROGRAM is the PowerShell text to run as SYSTEM after SECONDS, and at the next start.</summary>
        void Arm(string token, int seconds, string program);

        void Disarm();
    }

    /// <summary>Everything outside this code that it depends on: firewall, host and timer.</summary>
    public class Dependencies
    {
        public readonly IFirewallStore Store;
        public readonly IHost Host;
        public readonly IRollbackTimer Timer;

        public Dependencies(IFirewallStore store, IHost host, IRollbackTimer timer)
        {
            Store = store;
            Host = host;
            Timer = timer;
        }
    }
}
