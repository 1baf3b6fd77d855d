// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Addresses;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets
{
    /// <summary>Addresses from First to Last of one family.</summary>
    public struct Interval
    {
        public readonly Address First, Last;

        public Interval(Address first, Address last)
        {
            First = first;
            Last = last;
        }
    }

    /// <summary>
    /// A set of addresses in one form, whatever it was written as: what Windows reads back is not what was written. `*` is every address, and so are
    /// 0.0.0.0/0 and ::/0 together; words (LocalSubnet, DNS, ...) are kept beside the numbers.
    /// </summary>
    public class AddressSet
    {
        readonly List<Interval> intervals = new List<Interval>();
        readonly SortedDictionary<string, bool> words = new SortedDictionary<string, bool>(StringComparer.Ordinal);

        public bool Any { get; private set; }

        /// <summary>The set that a rule's TEXT means: comma-separated addresses, CIDRs, address/mask, ranges and words. Windows takes no text for
        /// `*`.</summary>
        public static AddressSet Parse(string text)
        {
            AddressSet found = new AddressSet();
            List<Interval> all = new List<Interval>();
            foreach (string item in (text ?? "").Split(','))
            {
                string part = item.Trim();
                Interval interval;
                if (part == "*") found.Any = true;
                else if (TryInterval(part, out interval)) all.Add(interval);
                else if (part.Length > 0) found.words[part.ToLowerInvariant()] = true;
            }
            found.Merge(all);
            if (found.intervals.Count == 0 && found.words.Count == 0) found.Any = true;
            if (found.intervals.Count == 2 && found.intervals[0].First.V6 != found.intervals[1].First.V6 && Whole(found.intervals[0])
                && Whole(found.intervals[1]))
                found.Any = true;
            return found;
        }

        static bool Whole(Interval interval)
        {
            return interval.First.CompareTo(interval.First.Fill(interval.First.Width(), false)) == 0
                && interval.Last.CompareTo(interval.Last.Fill(interval.Last.Width(), true)) == 0;
        }

        /// <summary>The interval of an address, CIDR, address/mask or range.</summary>
        public static bool TryInterval(string text, out Interval interval)
        {
            interval = new Interval();
            Address first, last;
            int dash = text.IndexOf('-'), slash = text.IndexOf('/');
            if (dash >= 0)
            {
                if (!Address.TryParse(text.Substring(0, dash).Trim(), out first) || !Address.TryParse(text.Substring(dash + 1).Trim(), out last)) return false;
                interval = new Interval(first, last);
                return first.V6 == last.V6 && first.CompareTo(last) <= 0;
            }
            if (!Address.TryParse(slash < 0 ? text : text.Substring(0, slash), out first)) return false;
            int prefix = first.Width();
            if (slash >= 0 && !TryPrefix(text.Substring(slash + 1), first.V6, out prefix)) return false;
            interval = new Interval(first.Fill(first.Width() - prefix, false), first.Fill(first.Width() - prefix, true));
            return true;
        }

        static bool TryPrefix(string text, bool v6, out int prefix)
        {
            Address mask;
            if (v6 || text.IndexOf('.') < 0)
                return Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out prefix) && prefix <= (v6 ? 128 : 32);
            for (prefix = 32; Address.TryParse(text, out mask) && prefix >= 0; prefix--)
                if (new Address(false, 0, 0xffffffff).Fill(32 - prefix, false).CompareTo(mask) == 0) return true;
            return false;
        }

        void Merge(List<Interval> all)
        {
            all.Sort(delegate(Interval a, Interval b) { return a.First.CompareTo(b.First); });
            foreach (Interval next in all)
            {
                Interval last = intervals.Count > 0 ? intervals[intervals.Count - 1] : next;
                bool touches = intervals.Count > 0 && last.First.V6 == next.First.V6
                    && (next.First.CompareTo(last.Last) <= 0 || (last.Last.Next().CompareTo(next.First) == 0 && next.First.CompareTo(last.First) > 0));
                if (!touches) intervals.Add(next);
                else if (next.Last.CompareTo(last.Last) > 0) intervals[intervals.Count - 1] = new Interval(last.First, next.Last);
            }
        }

        public bool Contains(Address address)
        {
            if (Any) return true;
            foreach (Interval interval in intervals)
                if (interval.First.V6 == address.V6 && interval.First.CompareTo(address) <= 0 && address.CompareTo(interval.Last) <= 0) return true;
            return false;
        }

        /// <summary>Whether words stand in the set, whose addresses only Windows knows.</summary>
        public bool HasWords()
        {
            return words.Count > 0;
        }

        /// <summary>The fewest CIDRs that are exactly the numbers of this set, IPv4 first; empty where it is every address.</summary>
        public List<string> Cidrs()
        {
            List<string> found = new List<string>();
            if (Any) return found;
            foreach (Interval interval in intervals)
            {
                Address first = interval.First;
                while (true)
                {
                    int bits = 0;
                    while (bits < first.Width() && first.Fill(bits + 1, false).CompareTo(first) == 0
                        && first.Fill(bits + 1, true).CompareTo(interval.Last) <= 0) bits++;
                    found.Add(first + "/" + (first.Width() - bits).ToString(CultureInfo.InvariantCulture));
                    Address last = first.Fill(bits, true);
                    if (last.CompareTo(interval.Last) >= 0) break;
                    first = last.Next();
                }
            }
            return found;
        }

        /// <summary>The same text for the same set.</summary>
        public string Canonical()
        {
            if (Any) return "*";
            List<string> parts = Cidrs();
            parts.AddRange(words.Keys);
            return String.Join(",", parts.ToArray());
        }
    }
}
