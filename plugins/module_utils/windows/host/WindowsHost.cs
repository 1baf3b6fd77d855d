// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Net;
    using System.Net.NetworkInformation;
    using System.Net.Sockets;
    using System.Reflection;
    using System.Security.Principal;
    using System.Threading;
    using Microsoft.Win32;

    /// <summary>The real host.</summary>
    public class WindowsHost : IHost
    {
        const string PortProxyPath = @"SYSTEM\CurrentControlSet\Services\PortProxy\";

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
            SortedDictionary<int, bool> ports = new SortedDictionary<int, bool>();
            foreach (IPEndPoint listener in IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners())
                ports[listener.Port] = true;
            return new List<int>(ports.Keys);
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
                bool inbound = listeningPorts.BinarySearch(local.Port) >= 0;
                connections.Add(new Connection
                {
                    Inbound = inbound,
                    Peer = Format(remote.Address),
                    Local = Format(local.Address),
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
            IPAddress peer, local;
            int peerPort, port;
            if (words.Length != 4 || words[0] == words[2]) return null;
            if (!IPAddress.TryParse(words[0], out peer) || IPAddress.IsLoopback(peer)) return null;
            if (!Int32.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out peerPort)) return null;
            if (!Int32.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out port)) return null;
            return new Connection
            {
                Peer = Format(peer),
                Local = IPAddress.TryParse(words[2], out local) ? Format(local) : "",
                PeerPort = peerPort,
                Port = port,
                Listener = Listener.Ssh,
            };
        }

        static IEnumerable<UnicastIPAddressInformation> FindOwn()
        {
            foreach (NetworkInterface adapter in NetworkInterface.GetAllNetworkInterfaces())
            {
                if (adapter.OperationalStatus != OperationalStatus.Up) continue;
                foreach (UnicastIPAddressInformation own in adapter.GetIPProperties().UnicastAddresses)
                    yield return own;
            }
        }

        public List<string> GetOwnAddresses()
        {
            List<string> found = new List<string>();
            foreach (UnicastIPAddressInformation own in FindOwn())
                if (!IPAddress.IsLoopback(own.Address) && !own.Address.IsIPv6LinkLocal
                    && !Format(own.Address).StartsWith("169.254.", StringComparison.Ordinal))
                    found.Add(Format(own.Address));
            return found;
        }

        public AddressSet GetLocalSubnets()
        {
            List<string> subnets = new List<string>();
            foreach (UnicastIPAddressInformation own in FindOwn())
            {
                bool isV4 = own.Address.AddressFamily == AddressFamily.InterNetwork;
                // a prefix of 64 bits is that of every local IPv6 network (RFC 4291, section 2.5.4)
                subnets.Add(Format(own.Address) + "/" + (isV4 ? own.IPv4Mask.ToString() : "64"));
            }
            return AddressSet.Parse(subnets.Count == 0 ? "127.0.0.0/8" : String.Join(",", subnets.ToArray()));
        }

        /// <summary>INetFwProducts, late bound; Windows Firewall itself is not in the list.</summary>
        public List<string> GetOtherFirewalls()
        {
            List<string> names = new List<string>();
            try
            {
                object products = Activator.CreateInstance(Type.GetTypeFromProgID("HNetCfg.FwProducts", true));
                int count = (int)GetProperty(products, "Count");
                for (int i = 0; i < count; i++)
                    names.Add(Convert.ToString(GetProperty(products.GetType().InvokeMember("Item",
                        BindingFlags.InvokeMethod, null, products, new object[] { i }, CultureInfo.InvariantCulture),
                        "DisplayName"), CultureInfo.InvariantCulture));
            }
            catch (Exception)
            {
                // the list is for a warning only
            }
            return names;
        }

        static object GetProperty(object target, string name)
        {
            return target.GetType().InvokeMember(name, BindingFlags.GetProperty, null, target, null,
                CultureInfo.InvariantCulture);
        }

        public List<string> GetForwardedPorts()
        {
            List<string> ports = new List<string>();
            foreach (string kind in new string[] { "v4tov4", "v4tov6", "v6tov4", "v6tov6" })
                using (RegistryKey machine = RegistryKey.OpenBaseKey(RegistryHive.LocalMachine,
                    RegistryView.Registry64))
                using (RegistryKey key = machine.OpenSubKey(PortProxyPath + kind + @"\tcp"))
                    if (key != null) ports.AddRange(key.GetValueNames());
            return ports;
        }

        public DateTime UtcNow()
        {
            return DateTime.UtcNow;
        }

        public void Sleep(int milliseconds)
        {
            Thread.Sleep(milliseconds);
        }

        public string GetProcessIdentity()
        {
            return Processes.GetOwnIdentity();
        }

        public bool IsAlive(string identity)
        {
            return Processes.IsAlive(identity);
        }

        public void EndProcess(string identity)
        {
            Processes.End(identity);
        }
    }
}
