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
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts
{
    /// <summary>
    /// The real host. Values are stored in the registry, where only administrators can write and every write is atomic.
    /// </summary>
    public class WindowsHost : IHost
    {
        const string KeyPath = @"SOFTWARE\portmatrix\firewall", LockName = @"Global\portmatrix-firewall";

        public string GetVersion()
        {
            return Environment.OSVersion.Version.ToString();
        }

        public bool IsAdministrator()
        {
            using (WindowsIdentity identity = WindowsIdentity.GetCurrent())
                return new WindowsPrincipal(identity).IsInRole(WindowsBuiltInRole.Administrator);
        }

        public List<int> GetListeningPorts()
        {
            List<int> ports = new List<int>();
            foreach (IPEndPoint listener in IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners())
                if (!ports.Contains(listener.Port)) ports.Add(listener.Port);
            return ports;
        }

        public List<Connection> GetEstablishedConnections()
        {
            List<int> listeningPorts = GetListeningPorts();
            List<Connection> connections = new List<Connection>();
            IPGlobalProperties properties = IPGlobalProperties.GetIPGlobalProperties();
            foreach (TcpConnectionInformation tcp in properties.GetActiveTcpConnections())
            {
                IPEndPoint local = tcp.LocalEndPoint, remote = tcp.RemoteEndPoint;
                bool withThisHost = IPAddress.IsLoopback(remote.Address) || remote.Address.Equals(local.Address);
                if (tcp.State != TcpState.Established || withThisHost) continue;
                bool inbound = listeningPorts.Contains(local.Port);
                connections.Add(new Connection
                {
                    Inbound = inbound,
                    Peer = Format(remote.Address),
                    Port = inbound ? local.Port : remote.Port,
                    PeerPort = inbound ? remote.Port : local.Port,
                });
            }
            return connections;
        }

        static string Format(IPAddress address)
        {
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString().Split('%')[0];
        }

        /// <summary>sshd sets SSH_CONNECTION: address and port of the peer, address and port of this host.</summary>
        public Connection GetOwnConnection()
        {
            string[] words = (Environment.GetEnvironmentVariable("SSH_CONNECTION") ?? "").Split(' ');
            IPAddress peer;
            if (words.Length != 4 || words[0] == words[2]) return null;
            if (!IPAddress.TryParse(words[0], out peer) || IPAddress.IsLoopback(peer)) return null;
            return new Connection
            {
                Peer = Format(peer),
                PeerPort = Int32.Parse(words[1], CultureInfo.InvariantCulture),
                Port = Int32.Parse(words[3], CultureInfo.InvariantCulture),
            };
        }

        public string ReadValue(string name)
        {
            using (RegistryKey machine = OpenLocalMachine())
            using (RegistryKey key = machine.OpenSubKey(KeyPath))
                return key == null ? null : key.GetValue(name) as string;
        }

        public void WriteValue(string name, string text)
        {
            using (RegistryKey machine = OpenLocalMachine())
            using (RegistryKey key = machine.CreateSubKey(KeyPath))
            {
                if (text == null) key.DeleteValue(name, false);
                else key.SetValue(name, text, RegistryValueKind.String);
                key.Flush();
            }
        }

        static RegistryKey OpenLocalMachine()
        {
            return RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64);
        }

        public IDisposable Lock(int seconds)
        {
            return new HostLock(LockName, seconds);
        }

        public DateTime UtcNow()
        {
            return DateTime.UtcNow;
        }

        public void Sleep(int seconds)
        {
            Thread.Sleep(seconds * 1000);
        }

        public string GetProcessIdentity()
        {
            using (Process own = Process.GetCurrentProcess()) return GetIdentity(own);
        }

        /// <summary>Number and start time, as numbers are used again.</summary>
        static string GetIdentity(Process process)
        {
            return process.Id.ToString(CultureInfo.InvariantCulture) + " "
                + process.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
        }

        public void EndProcess(string identity)
        {
            int number;
            string id = identity.Split(' ')[0];
            if (!Int32.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out number)) return;
            try
            {
                using (Process process = Process.GetProcessById(number))
                {
                    if (GetIdentity(process) != identity) return;
                    process.Kill();
                    process.WaitForExit(5000);
                }
            }
            catch (ArgumentException)
            {
                // the process has ended already
            }
        }
    }

    /// <summary>Allows one run of portmatrix at a time on a host. The lock of a run that died is free.</summary>
    public sealed class HostLock : IDisposable
    {
        readonly Mutex mutex;

        public HostLock(string name, int seconds)
        {
            mutex = new Mutex(false, name);
            bool acquired;
            try
            {
                acquired = mutex.WaitOne(seconds * 1000);
            }
            catch (AbandonedMutexException)
            {
                acquired = true;
            }
            if (acquired) return;
            mutex.Dispose();
            throw new PolicyException("another run of portmatrix.firewall has held the lock of this host for "
                + seconds.ToString(CultureInfo.InvariantCulture) + " s; wait until it ends, then run again");
        }

        public void Dispose()
        {
            mutex.ReleaseMutex();
            mutex.Dispose();
        }
    }
}
