// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams
{
    /// <summary>The rules and settings of Windows Firewall. The one place where COM is; tests put a nasty stand-in here.</summary>
    public interface IFirewallStore
    {
        /// <summary>Every rule with Name, Grouping, Enabled and Handle; Read fills in the rest.</summary>
        List<Rule> List();

        Rule Read(Rule listed);

        /// <summary>A detached rule; Windows checks it here, before anything has changed. Raises PolicyException where it refuses it.</summary>
        object Build(Rule rule);

        void Add(object built);

        /// <summary>Names are not unique, so a rule is renamed by its handle before it is removed by name.</summary>
        void Rename(Rule found, string name);

        void Remove(string name);

        void SetEnabled(Rule found, bool on);

        Profile GetProfile(int number);

        void SetFirewallEnabled(int number, bool on);

        void SetDefault(int number, bool inbound, bool block);

        /// <summary>Bits of the profiles that are in force.</summary>
        int CurrentProfiles();

        /// <summary>0: rules can be changed; 1: group policy overrides; 2: all that comes in is blocked.</summary>
        int ModifyState();

        /// <summary>Whether group policy lets local rules count in a profile.</summary>
        bool LocalRulesCount(int number);
    }

    /// <summary>What else the host tells and keeps.</summary>
    public interface IHost
    {
        string Version();

        /// <summary>Whether this process may change the firewall.</summary>
        bool IsAdministrator();

        /// <summary>TCP ports that something listens on.</summary>
        List<int> Listening();

        /// <summary>Established TCP connections with other hosts; Port is that of the listener.</summary>
        List<Connection> Established();

        /// <summary>The connection that this process runs in, where it is known (SSH), else null.</summary>
        Connection Own();

        /// <summary>A text kept under NAME across reboots, that only administrators can write; null where there is none.</summary>
        string Recall(string name);

        /// <summary>Keeps TEXT under NAME in one step; null forgets it.</summary>
        void Keep(string name, string text);

        /// <summary>Waits until no other run of ours is at work. Raises PolicyException after SECONDS.</summary>
        IDisposable Alone(int seconds);

        DateTime UtcNow();

        void Sleep(int seconds);

        /// <summary>This process, as End takes it.</summary>
        string Process();

        /// <summary>Ends a process that Process named; nothing where it has ended.</summary>
        void End(string process);
    }

    /// <summary>A task of the operating system that outlives this process, and a reboot.</summary>
    public interface ITimer
    {
        /// <summary>PROGRAM is the PowerShell text to run as SYSTEM after SECONDS, and at the next start.</summary>
        void Arm(string token, int seconds, string program);

        void Disarm();
    }

    /// <summary>All of a host.</summary>
    public class Seam
    {
        public readonly IFirewallStore Store;
        public readonly IHost Host;
        public readonly ITimer Timer;

        public Seam(IFirewallStore store, IHost host, ITimer timer)
        {
            Store = store;
            Host = host;
            Timer = timer;
        }
    }
}
