// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>Addresses from First to Last, of one family.</summary>
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
    /// A set of addresses in canonical form, as Windows reads back other text than was written. `*` is every address,
    /// and so are 0.0.0.0/0 and ::/0 together; keywords (LocalSubnet, DNS, ...) are kept apart from the addresses.
    /// </summary>
    public class AddressSet
    {
        readonly List<Interval> intervals = new List<Interval>();
        readonly SortedDictionary<string, bool> keywords = new SortedDictionary<string, bool>(StringComparer.Ordinal);

        string canonicalText;

        public bool IsAny { get; private set; }

        /// <summary>
        /// The set in the TEXT of a rule: comma-separated addresses, CIDRs, address/mask, ranges and keywords. Empty
        /// text means `*`, as it does for Windows.
        /// </summary>
        public static AddressSet Parse(string text)
        {
            AddressSet set = new AddressSet();
            List<Interval> unmerged = new List<Interval>();
            foreach (string item in (text ?? "").Split(','))
            {
                string part = item.Trim();
                Interval interval;
                if (part == "*") set.IsAny = true;
                else if (TryParseInterval(part, out interval)) unmerged.Add(interval);
                else if (part.Length > 0) set.keywords[part.ToLowerInvariant()] = true;
            }
            set.Merge(unmerged);
            if (set.intervals.Count == 0 && set.keywords.Count == 0) set.IsAny = true;
            if (set.CoversBothFamilies()) set.IsAny = true;
            return set;
        }

        bool CoversBothFamilies()
        {
            return intervals.Count == 2 && intervals[0].First.IsV6 != intervals[1].First.IsV6
                && IsWholeFamily(intervals[0]) && IsWholeFamily(intervals[1]);
        }

        static bool IsWholeFamily(Interval interval)
        {
            return interval.First.CompareTo(interval.First.FillLastBits(interval.First.Width, false)) == 0
                && interval.Last.CompareTo(interval.Last.FillLastBits(interval.Last.Width, true)) == 0;
        }

        /// <summary>The interval of an address, CIDR, address/mask or range.</summary>
        public static bool TryParseInterval(string text, out Interval interval)
        {
            interval = new Interval();
            Address first, last;
            int dash = text.IndexOf('-'), slash = text.IndexOf('/');
            if (dash >= 0)
            {
                if (!Address.TryParse(text.Substring(0, dash).Trim(), out first)
                    || !Address.TryParse(text.Substring(dash + 1).Trim(), out last)) return false;
                interval = new Interval(first, last);
                return first.IsV6 == last.IsV6 && first.CompareTo(last) <= 0;
            }
            if (!Address.TryParse(slash < 0 ? text : text.Substring(0, slash), out first)) return false;
            int prefix = first.Width;
            if (slash >= 0 && !TryParsePrefix(text.Substring(slash + 1), first.IsV6, out prefix)) return false;
            int hostBits = first.Width - prefix;
            interval = new Interval(first.FillLastBits(hostBits, false), first.FillLastBits(hostBits, true));
            return true;
        }

        static bool TryParsePrefix(string text, bool v6, out int prefix)
        {
            Address mask;
            if (v6 || text.IndexOf('.') < 0)
                return Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out prefix)
                    && prefix <= (v6 ? 128 : 32);
            Address allOnes = new Address(false, 0, 0xffffffff);
            for (prefix = 32; Address.TryParse(text, out mask) && prefix >= 0; prefix--)
                if (allOnes.FillLastBits(32 - prefix, false).CompareTo(mask) == 0) return true;
            return false;
        }

        void Merge(List<Interval> unmerged)
        {
            unmerged.Sort(delegate(Interval a, Interval b) { return a.First.CompareTo(b.First); });
            foreach (Interval next in unmerged)
            {
                Interval last = intervals.Count > 0 ? intervals[intervals.Count - 1] : next;
                bool merges = intervals.Count > 0 && CanMerge(last, next);
                if (!merges) intervals.Add(next);
                else if (next.Last.CompareTo(last.Last) > 0)
                    intervals[intervals.Count - 1] = new Interval(last.First, next.Last);
            }
        }

        /// <summary>Whether NEXT, which does not start before LAST, overlaps or follows it directly.</summary>
        static bool CanMerge(Interval last, Interval next)
        {
            if (last.First.IsV6 != next.First.IsV6) return false;
            if (next.First.CompareTo(last.Last) <= 0) return true;
            // the address after the very last one is the first, which follows nothing
            return last.Last.GetNext().CompareTo(next.First) == 0 && next.First.CompareTo(last.First) > 0;
        }

        public bool Contains(Address address)
        {
            if (IsAny) return true;
            // intervals are sorted and apart from each other: find the last one that does not start after the address
            int low = 0, high = intervals.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (intervals[middle].First.CompareTo(address) <= 0) low = middle + 1;
                else high = middle;
            }
            return low > 0 && intervals[low - 1].First.IsV6 == address.IsV6
                && address.CompareTo(intervals[low - 1].Last) <= 0;
        }

        /// <summary>Words that stand for addresses (LocalSubnet, DNS, ...), in lower case.</summary>
        public ICollection<string> Keywords { get { return keywords.Keys; } }

        /// <summary>Whether an address is in both sets; words are left out.</summary>
        public bool Overlaps(AddressSet other)
        {
            if (IsAny || other.IsAny) return true;
            foreach (Interval mine in intervals)
                foreach (Interval its in other.intervals)
                    if (mine.First.IsV6 == its.First.IsV6 && mine.First.CompareTo(its.Last) <= 0
                        && its.First.CompareTo(mine.Last) <= 0) return true;
            return false;
        }

        /// <summary>
        /// The fewest CIDRs that cover exactly the addresses, IPv4 first, without keywords; empty for every address.
        /// </summary>
        public List<string> ToCidrs()
        {
            List<string> cidrs = new List<string>();
            if (IsAny) return cidrs;
            foreach (Interval interval in intervals)
            {
                Address first = interval.First;
                while (true)
                {
                    int bits = 0;
                    while (bits < first.Width && first.FillLastBits(bits + 1, false).CompareTo(first) == 0
                        && first.FillLastBits(bits + 1, true).CompareTo(interval.Last) <= 0) bits++;
                    cidrs.Add(first + "/" + (first.Width - bits).ToString(CultureInfo.InvariantCulture));
                    Address last = first.FillLastBits(bits, true);
                    if (last.CompareTo(interval.Last) >= 0) break;
                    first = last.GetNext();
                }
            }
            return cidrs;
        }

        /// <summary>The same text for the same set.</summary>
        public string ToCanonicalText()
        {
            if (canonicalText != null) return canonicalText;
            List<string> parts = ToCidrs();
            parts.AddRange(keywords.Keys);
            return canonicalText = IsAny ? "*" : String.Join(",", parts.ToArray());
        }
    }
}
