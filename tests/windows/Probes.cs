using System;
using System.Collections.Generic;

namespace PortmatrixTests
{
    /// <summary>Packets that policies document, and whether the host allows them after each step of a change.</summary>
    public class Probes
    {
        readonly HostileStore store;
        readonly List<object[]> packets = new List<object[]>(); // inbound, protocol, peer, port
        readonly List<bool[]> verdicts = new List<bool[]>();
        bool[] start;

        public Probes(HostileStore store, params Dictionary<string, object>[] policies)
        {
            this.store = store;
            foreach (Dictionary<string, object> policy in policies)
                foreach (Dictionary<string, object> rule in (List<object>)policy["rules"])
                    AddPackets((Dictionary<string, object>)policy["groups"], rule);
            start = Judge();
        }

        public int Count { get { return packets.Count; } }

        void AddPackets(Dictionary<string, object> groups, Dictionary<string, object> rule)
        {
            string protocol = (string)rule["protocol"], group = (string)rule["group"];
            if (protocol != "tcp" && protocol != "udp") return;
            string peer = group == null ? "10.1.2.3" : ((string)((List<object>)groups[group])[0]).Split('/')[0];
            foreach (object ports in (List<object>)rule["ports"])
                packets.Add(new object[]
                {
                    (string)rule["direction"] == "ingress", protocol == "tcp" ? 6 : 17, peer,
                    Int32.Parse(((string)ports).Split('-')[0]),
                });
        }

        bool[] Judge()
        {
            return packets.ConvertAll(delegate(object[] packet)
            {
                return PacketEvaluator.IsAllowed(
                    store, (bool)packet[0], (int)packet[1], (string)packet[2], (int)packet[3]);
            }).ToArray();
        }

        /// <summary>A step has been taken.</summary>
        public void Look() { verdicts.Add(Judge()); }

        /// <summary>The change is over.</summary>
        public void Forget()
        {
            verdicts.Clear();
            start = Judge();
        }

        /// <summary>
        /// The packets that are allowed at both ends of the change, and not between two of its steps.
        /// </summary>
        public List<string> FindCuts()
        {
            bool[] end = Judge();
            List<string> cuts = new List<string>();
            for (int i = 0; i < packets.Count; i++)
            {
                bool isCut = verdicts.Exists(delegate(bool[] verdict) { return !verdict[i]; });
                if (start[i] && end[i]
                    && isCut) cuts.Add(String.Join(" ", Array.ConvertAll(packets[i], Convert.ToString)));
            }
            return cuts;
        }
    }
}
