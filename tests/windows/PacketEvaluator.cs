using System;
using System.Collections.Generic;
using System.Net;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>A range of addresses, by .NET's own parser: shares no code with the code under test.</summary>
    public class Range
    {
        public byte[] First, Last;

        public static Range Parse(string text)
        {
            string[] ends = text.Split('-');
            IPAddress first, last;
            if (ends.Length == 2)
                return IPAddress.TryParse(ends[0], out first) && IPAddress.TryParse(ends[1], out last)
                    ? new Range { First = first.GetAddressBytes(), Last = last.GetAddressBytes() } : null;
            string[] words = text.Split('/');
            if (!IPAddress.TryParse(words[0], out first)) return null;
            Range range = new Range { First = first.GetAddressBytes(), Last = first.GetAddressBytes() };
            byte[] mask = null;
            int prefix = range.First.Length * 8;
            if (words.Length == 2 && words[1].IndexOf('.') >= 0) mask = IPAddress.Parse(words[1]).GetAddressBytes();
            else if (words.Length == 2) prefix = Int32.Parse(words[1]);
            for (int bit = 0; bit < range.First.Length * 8; bit++)
            {
                byte one = (byte)(0x80 >> (bit % 8));
                if (mask == null ? bit < prefix : (mask[bit / 8] & one) != 0) continue;
                range.First[bit / 8] &= (byte)~one;
                range.Last[bit / 8] |= one;
            }
            return range;
        }

        public bool Contains(byte[] address)
        {
            return address.Length == First.Length && Compare(First, address) <= 0 && Compare(address, Last) <= 0;
        }

        public static int Compare(byte[] a, byte[] b)
        {
            if (a.Length != b.Length) return a.Length - b.Length;
            for (int i = 0; i < a.Length; i++) if (a[i] != b[i]) return a[i] - b[i];
            return 0;
        }
    }

    /// <summary>Evaluates packets rule by rule, from the texts that Windows stores.</summary>
    public static class PacketEvaluator
    {
        public static bool IsAllowed(HostileStore store, bool inbound, int protocol, string peer, int port)
        {
            byte[] address = IPAddress.Parse(peer).GetAddressBytes();
            foreach (int number in Profile.Numbers)
            {
                bool active = (store.ActiveProfiles & number) != 0;
                if (active && !IsAllowed(store, number, inbound, protocol, address, port)) return false;
            }
            return true;
        }

        static bool IsAllowed(HostileStore store, int number, bool inbound, int protocol, byte[] peer, int port)
        {
            Profile profile = store.Profiles[number];
            if (!profile.Enabled) return true;
            if (inbound && profile.ShieldsUp) return false;
            bool allowed = false;
            foreach (StoredRule stored in store.Rules)
            {
                Rule rule = stored.Rule;
                if (!rule.Enabled || rule.Inbound != inbound || (rule.Profiles & number) == 0
                    || !IsAbout(rule, port)) continue;
                if (rule.Protocol != 256 && rule.Protocol != protocol
                    || !HasPort(inbound ? rule.LocalPorts : rule.RemotePorts, port)
                    || !HasAddress(rule.RemoteAddresses, peer)) continue;
                if (!rule.Allow) return false;
                allowed = true;
            }
            return allowed || !(inbound ? profile.BlockInbound : profile.BlockOutbound);
        }

        /// <summary>
        /// WinRM's program is System; other programs of the tests listen on nothing that is asked about.
        /// </summary>
        static bool IsAbout(Rule rule, int port)
        {
            return String.IsNullOrEmpty(rule.Application) || (rule.Application == "System" && port == 5985);
        }

        static bool HasPort(string ports, int port)
        {
            if (ports == "*") return true;
            foreach (string part in ports.Split(new char[] { ',' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] ends = part.Split('-');
                if (Int32.Parse(ends[0]) <= port && port <= Int32.Parse(ends[ends.Length - 1])) return true;
            }
            return false;
        }

        static bool HasAddress(string addresses, byte[] peer)
        {
            if (addresses == "*") return true;
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range != null && range.Contains(peer)) return true;
            }
            return false;
        }

        /// <summary>
        /// All rules and settings of the store, addresses as merged ranges: equal stores have the same text.
        /// </summary>
        public static string Dump(HostileStore store)
        {
            List<string> lines = new List<string>();
            foreach (StoredRule stored in store.Rules)
            {
                Rule rule = stored.Rule;
                lines.Add(String.Join(" ; ", new string[]
                {
                    rule.Grouping,
                    rule.Name,
                    rule.Description,
                    rule.Inbound + " " + rule.Allow + " " + rule.Enabled + " " + rule.Protocol
                        + " " + (rule.Profiles & 7),
                    SortPorts(rule.LocalPorts),
                    SortPorts(rule.RemotePorts),
                    MergeAddresses(rule.RemoteAddresses),
                    rule.Application ?? "",
                }));
            }
            lines.Sort(StringComparer.Ordinal);
            foreach (int number in Profile.Numbers)
            {
                Profile profile = store.Profiles[number];
                lines.Add(number + " " + profile.Enabled + " " + profile.BlockInbound + " " + profile.BlockOutbound + (
                    profile.LogDropped ? " logged" : ""));
            }
            return String.Join("\n", lines.ToArray());
        }

        static string SortPorts(string ports)
        {
            if (String.IsNullOrEmpty(ports)) return "*";
            char[] comma = { ',' };
            List<string> parts = new List<string>(ports.Split(comma, StringSplitOptions.RemoveEmptyEntries));
            parts.Sort(delegate(string a, string b)
            {
                if (a == "*" || b == "*") return 0;
                return Int32.Parse(a.Split('-')[0]) - Int32.Parse(b.Split('-')[0]);
            });
            return String.Join(",", parts.ToArray());
        }

        static string MergeAddresses(string addresses)
        {
            if (addresses == "*") return "*";
            List<Range> ranges = new List<Range>();
            List<string> texts = new List<string>();
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range == null) texts.Add(part);
                else ranges.Add(range);
            }
            ranges.Sort(delegate(Range a, Range b) { return Range.Compare(a.First, b.First); });
            Range last = null;
            foreach (Range range in ranges)
            {
                bool touches = last != null && last.Last.Length == range.First.Length
                    && Range.Compare(range.First, GetNext(last.Last)) <= 0;
                if (!touches) texts.Add("");
                if (!touches || Range.Compare(range.Last, last.Last) > 0)
                    last = touches ? new Range { First = last.First, Last = range.Last } : range;
                texts[texts.Count - 1] = new IPAddress(last.First) + "-" + new IPAddress(last.Last);
            }
            return String.Join(",", texts.ToArray());
        }

        static byte[] GetNext(byte[] address)
        {
            byte[] next = (byte[])address.Clone();
            for (int i = next.Length - 1; i >= 0 && ++next[i] == 0; i--) { }
            return next;
        }
    }
}
