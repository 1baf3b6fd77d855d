// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Diagnostics;
    using System.IO;
    using Microsoft.Win32;

    /// <summary>
    /// What COM does not tell of a profile: what group policy and device management decide ([MS-GPFAS], 2.2.2), and the
    /// log of dropped packets.
    /// </summary>
    public static class ProfileRegistry
    {
        const string LocalPath = @"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\";
        static readonly string[] policyPaths =
        {
            @"SOFTWARE\Policies\Microsoft\WindowsFirewall\", LocalPath + @"Mdm\",
        };
        const int MaxWait = 30000;

        /// <summary>The private profile was called the standard profile.</summary>
        static string[] GetKeyNames(int number)
        {
            if (number == 1) return new string[] { "DomainProfile" };
            return number == 2 ? new string[] { "PrivateProfile",
                "StandardProfile" } : new string[] { "PublicProfile" };
        }

        public static ProfilePolicy ReadPolicy(int number)
        {
            return new ProfilePolicy
            {
                Enabled = ReadFlag(number, "EnableFirewall"),
                BlockInbound = ReadFlag(number, "DefaultInboundAction"),
                BlockOutbound = ReadFlag(number, "DefaultOutboundAction"),
                ShieldsUp = ReadFlag(number, "DoNotAllowExceptions"),
                MergesLocalRules = ReadFlag(number, "AllowLocalPolicyMerge"),
            };
        }

        static bool? ReadFlag(int number, string name)
        {
            foreach (string path in policyPaths)
                foreach (string profile in GetKeyNames(number))
                {
                    object value = ReadValue(path + profile, name);
                    if (value is int) return (int)value != 0;
                }
            return null;
        }

        static object ReadValue(string path, string name)
        {
            using (RegistryKey machine = RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64))
            using (RegistryKey key = machine.OpenSubKey(path))
                return key == null ? null : key.GetValue(name);
        }

        /// <summary>Whether dropped packets are logged.</summary>
        public static bool ReadDroppedLogged(int number)
        {
            string[] names = GetKeyNames(number);
            return Object.Equals(ReadValue(LocalPath + names[names.Length - 1] + @"\Logging", "LogDroppedPackets"), 1);
        }

        /// <summary>The service does not notice a change in the registry; netsh tells it.</summary>
        public static void SetDroppedLogged(int number, bool logged)
        {
            string profile = number == 1 ? "domainprofile" : number == 2 ? "privateprofile" : "publicprofile";
            ProcessStartInfo start = new ProcessStartInfo(Path.Combine(Environment.SystemDirectory, "netsh.exe"),
                "advfirewall set " + profile + " logging droppedconnections " + (logged ? "enable" : "disable"));
            start.UseShellExecute = false;
            start.CreateNoWindow = true;
            using (Process process = Process.Start(start))
                if (!process.WaitForExit(MaxWait) || process.ExitCode != 0)
                    throw new InvalidOperationException("netsh could not change the log of dropped packets");
        }
    }
}
