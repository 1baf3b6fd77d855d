// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>What the program needs of a host besides its firewall and its records.</summary>
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

        /// <summary>The networks of this host's own addresses: what LocalSubnet stands for.</summary>
        AddressSet GetLocalSubnets();

        /// <summary>The addresses of this host, without loopback and link-local ones.</summary>
        List<string> GetOwnAddresses();

        /// <summary>Other firewall products that are registered with Windows.</summary>
        List<string> GetOtherFirewalls();

        /// <summary>Ports that this host forwards ("netsh interface portproxy"): listening address and port.</summary>
        List<string> GetForwardedPorts();

        DateTime UtcNow();

        void Sleep(int milliseconds);

        /// <summary>The identity of this process.</summary>
        string GetProcessIdentity();

        bool IsAlive(string identity);

        /// <summary>End the process with this IDENTITY; do nothing where it has ended or cannot be ended.</summary>
        void EndProcess(string identity);
    }

    /// <summary>A folder that only administrators and the system can read and write.</summary>
    public interface IRecordFolder
    {
        /// <summary>The path, for messages.</summary>
        string Path { get; }

        /// <summary>Raises Refusal where the folder exists and somebody else could write in it.</summary>
        void Check();

        /// <summary>Create the folder, and check it.</summary>
        void Prepare();

        /// <summary>The text of the file NAME, or null.</summary>
        string Read(string name);

        /// <summary>Store TEXT as the file NAME at once, or not at all; null deletes it.</summary>
        void Write(string name, string text);

        /// <summary>Store BYTES as the file NAME.</summary>
        void WriteBytes(string name, byte[] bytes);

        /// <summary>Create the file NAME; false where it exists, whoever was first.</summary>
        bool TryCreate(string name, string text);

        /// <summary>Remove the folder if nothing is in it.</summary>
        void RemoveIfEmpty();

        /// <summary>Keep other runs of portmatrix out until the result is disposed; null after SECONDS.</summary>
        IDisposable TryLock(int seconds);
    }

    /// <summary>A task of the operating system that survives this process, and a reboot.</summary>
    public interface IRollbackTask
    {
        /// <summary>
        /// Run the rollback program for the change TOKEN as SYSTEM at DUE (UTC), at the next start of the host, and
        /// then every minute until it is removed.
        /// </summary>
        void Register(string token, DateTime due);

        /// <summary>Run it now, for a rehearsal.</summary>
        void Run();

        void Remove();
    }

    /// <summary>Everything outside this code that it depends on.</summary>
    public class Machine
    {
        public readonly IFirewallStore Store;
        public readonly IHost Host;
        public readonly IRecordFolder Folder;
        public readonly IRollbackTask Task;

        public Machine(IFirewallStore store, IHost host, IRecordFolder folder, IRollbackTask task)
        {
            Store = store;
            Host = host;
            Folder = folder;
            Task = task;
        }
    }
}
