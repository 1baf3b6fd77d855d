// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>What listens: a program is known for management only.</summary>
    public enum Listener { Unknown, Ssh, WinRm, RemoteDesktop }

    /// <summary>
    /// A connection as this host sees it; Port is the listener's, Local the address of this host ("" if unknown).
    /// Inbound: the peer opened it.
    /// </summary>
    public class Connection
    {
        public bool Inbound = true;
        public string Peer = "", Local = "";
        public int Port, PeerPort;
        public Listener Listener;

        /// <summary>
        /// The same text for connections that the rules treat alike, apart from the port of the opener.
        /// </summary>
        public string GetKind()
        {
            return String.Join(" ", new string[] { Inbound ? "in" : "out", Peer, Local, Port.ToString(),
                Listener.ToString() });
        }

        public bool IsSame(Connection other)
        {
            return Peer == other.Peer && PeerPort == other.PeerPort && Port == other.Port;
        }

        /// <summary>Direction, peer and port, for an answer.</summary>
        public List<object> ToData()
        {
            return new List<object> { Inbound, Peer, Port };
        }

        /// <summary>CONNECTIONS without those of the same kind as an earlier one.</summary>
        public static List<Connection> GetDistinct(IEnumerable<Connection> connections)
        {
            Dictionary<string, bool> known = new Dictionary<string, bool>(StringComparer.Ordinal);
            List<Connection> distinct = new List<Connection>();
            foreach (Connection connection in connections)
            {
                string kind = connection.GetKind();
                if (known.ContainsKey(kind)) continue;
                known[kind] = true;
                distinct.Add(connection);
            }
            return distinct;
        }
    }
}
