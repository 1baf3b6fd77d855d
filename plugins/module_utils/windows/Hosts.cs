// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Security.Principal;
using System.Threading;
using Microsoft.Win32;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts
{
    /// <summary>The host itself. What it keeps lies in the registry, where only administrators write and every value changes in one step.</summary>
    public class WindowsHost : IHost
    {
        const string Path = @"SOFTWARE\portmatrix\firewall", Lock = @"Global\portmatrix-firewall";

        public string Version()
        {
            return Environment.OSVersion.Version.ToString();
        }

        public bool IsAdministrator()
        {
            using (WindowsIdentity identity = WindowsIdentity.GetCurrent()) return new WindowsPrincipal(identity).IsInRole(WindowsBuiltInRole.Administrator);
        }

        public List<int> Listening()
        {
            List<int> found = new List<int>();
            foreach (IPEndPoint point in IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners())
                if (!found.Contains(point.Port)) found.Add(point.Port);
            return found;
        }

        public List<Connection> Established()
        {
            List<int> listening = Listening();
            List<Connection> found = new List<Connection>();
            foreach (TcpConnectionInformation open in IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections())
            {
                if (open.State != TcpState.Established || IPAddress.IsLoopback(open.RemoteEndPoint.Address)
                    || open.RemoteEndPoint.Address.Equals(open.LocalEndPoint.Address)) continue;
                bool inbound = listening.Contains(open.LocalEndPoint.Port);
                Connection connection = new Connection { Inbound = inbound, Peer = Text(open.RemoteEndPoint.Address),
                    Port = (inbound ? open.LocalEndPoint : open.RemoteEndPoint).Port };
                connection.PeerPort = inbound ? open.RemoteEndPoint.Port : open.LocalEndPoint.Port;
                found.Add(connection);
            }
            return found;
        }

        static string Text(IPAddress address)
        {
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString().Split('%')[0];
        }

        /// <summary>sshd says in SSH_CONNECTION: address and port of the peer, address and port of this host.</summary>
        public Connection Own()
        {
            string[] words = (Environment.GetEnvironmentVariable("SSH_CONNECTION") ?? "").Split(' ');
            IPAddress peer;
            if (words.Length != 4 || words[0] == words[2] || !IPAddress.TryParse(words[0], out peer) || IPAddress.IsLoopback(peer)) return null;
            return new Connection { Peer = Text(peer), PeerPort = Int32.Parse(words[1], CultureInfo.InvariantCulture),
                Port = Int32.Parse(words[3], CultureInfo.InvariantCulture) };
        }

        public string Recall(string name)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.OpenSubKey(Path))
                return key == null ? null : key.GetValue(name) as string;
        }

        public void Keep(string name, string text)
        {
            using (RegistryKey machine = Machine())
            using (RegistryKey key = machine.CreateSubKey(Path))
            {
                if (text == null) key.DeleteValue(name, false);
                else key.SetValue(name, text, RegistryValueKind.String);
                key.Flush();
            }
        }

        static RegistryKey Machine()
        {
            return RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64);
        }

        public IDisposable Alone(int seconds)
        {
            return new Turn(Lock, seconds);
        }

        public DateTime UtcNow()
        {
            return DateTime.UtcNow;
        }

        public void Sleep(int seconds)
        {
            Thread.Sleep(seconds * 1000);
        }

        public string Process()
        {
            using (Process own = System.Diagnostics.Process.GetCurrentProcess()) return Identity(own);
        }

        static string Identity(Process process)
        {
            return process.Id.ToString(CultureInfo.InvariantCulture) + " " + process.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
        }

        public void End(string process)
        {
            int number;
            if (!Int32.TryParse(process.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out number)) return;
            try
            {
                using (Process found = System.Diagnostics.Process.GetProcessById(number))
                {
                    if (Identity(found) != process) return;
                    found.Kill();
                    found.WaitForExit(5000);
                }
            }
            catch (ArgumentException)
            {
                // it has ended already
            }
        }
    }

    /// <summary>One run of ours at a time on a host; the lock of a run that died is free.</summary>
    public sealed class Turn : IDisposable
    {
        readonly Mutex mutex;

        public Turn(string name, int seconds)
        {
            mutex = new Mutex(false, name);
            bool mine;
            try
            {
                mine = mutex.WaitOne(seconds * 1000);
            }
            catch (AbandonedMutexException)
            {
                mine = true;
            }
            if (mine) return;
            mutex.Dispose();
            throw new PolicyException("another run of portmatrix.firewall has been at work on this host for "
                + seconds.ToString(CultureInfo.InvariantCulture) + " s; wait for it, then run again");
        }

        public void Dispose()
        {
            mutex.ReleaseMutex();
            mutex.Dispose();
        }
    }
}
