// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Text;

    /// <summary>
    /// An IPv4 or IPv6 address as a number. Parsing is strict: full notation only, no octal, no zones. IPv4 sorts
    /// before IPv6.
    /// </summary>
    public struct Address : IComparable<Address>
    {
        public readonly bool IsV6;
        public readonly ulong High, Low;

        public Address(bool isV6, ulong high, ulong low)
        {
            IsV6 = isV6;
            High = high;
            Low = low;
        }

        /// <summary>The number of bits.</summary>
        public int Width { get { return IsV6 ? 128 : 32; } }

        public int CompareTo(Address other)
        {
            if (IsV6 != other.IsV6) return IsV6 ? 1 : -1;
            return High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);
        }

        /// <summary>The next address; the first one after the very last.</summary>
        public Address GetNext()
        {
            if (!IsV6) return new Address(false, 0, (Low + 1) & 0xffffffff);
            return new Address(true, Low == UInt64.MaxValue ? unchecked(High + 1) : High, unchecked(Low + 1));
        }

        /// <summary>This address with its last BITS bits all VALUE.</summary>
        public Address FillLastBits(int bits, bool value)
        {
            ulong low = bits >= 64 ? UInt64.MaxValue : (1UL << bits) - 1;
            ulong high = bits <= 64 ? 0 : bits >= 128 ? UInt64.MaxValue : (1UL << (bits - 64)) - 1;
            if (!IsV6) return new Address(false, 0, value ? Low | low : Low & ~low & 0xffffffff);
            return value ? new Address(true, High | high, Low | low) : new Address(true, High & ~high, Low & ~low);
        }

        public static bool TryParse(string text, out Address address)
        {
            address = new Address(false, 0, 0);
            ulong number;
            if (text.IndexOf(':') >= 0) return TryParseV6(text, out address);
            if (!TryParseV4(text, out number)) return false;
            address = new Address(false, 0, number);
            return true;
        }

        static bool TryParseV4(string text, out ulong number)
        {
            number = 0;
            string[] parts = text.Split('.');
            if (parts.Length != 4) return false;
            foreach (string part in parts)
            {
                int octet;
                if (part.Length == 0 || part.Length > 3 || (part.Length > 1 && part[0] == '0')) return false;
                if (!Int32.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out octet) || octet > 255)
                    return false;
                number = (number << 8) | (uint)octet;
            }
            return true;
        }

        static bool TryParseV6(string text, out Address address)
        {
            address = new Address(true, 0, 0);
            int gap = text.IndexOf("::", StringComparison.Ordinal);
            List<int> head = new List<int>(), tail = new List<int>();
            if (!TryParseGroups(gap < 0 ? text : text.Substring(0, gap), head, gap < 0)) return false;
            if (gap >= 0 && !TryParseGroups(text.Substring(gap + 2), tail, true)) return false;
            int missing = 8 - head.Count - tail.Count;
            if (gap < 0 ? missing != 0 : missing < 1) return false;
            for (int i = 0; i < missing; i++) head.Add(0);
            head.AddRange(tail);
            ulong high = 0, low = 0;
            for (int i = 0; i < 8; i++)
            {
                if (i < 4) high = (high << 16) | (uint)head[i];
                else low = (low << 16) | (uint)head[i];
            }
            address = new Address(true, high, low);
            return true;
        }

        /// <summary>Parse colon-separated groups of 16 bits into GROUPS; the last one may be an IPv4 address.</summary>
        static bool TryParseGroups(string text, List<int> groups, bool mayEndDotted)
        {
            if (text.Length == 0) return true;
            string[] parts = text.Split(':');
            for (int i = 0; i < parts.Length; i++)
            {
                int group;
                ulong dotted;
                if (mayEndDotted && i == parts.Length - 1 && TryParseV4(parts[i], out dotted))
                {
                    groups.Add((int)(dotted >> 16));
                    groups.Add((int)(dotted & 0xffff));
                    continue;
                }
                if (parts[i].Length < 1 || parts[i].Length > 4) return false;
                if (!Int32.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out group))
                    return false;
                groups.Add(group);
            }
            return true;
        }

        /// <summary>Canonical text (RFC 5952).</summary>
        public override string ToString()
        {
            if (!IsV6)
                return String.Format(CultureInfo.InvariantCulture, "{0}.{1}.{2}.{3}", Low >> 24, (Low >> 16) & 255,
                    (Low >> 8) & 255, Low & 255);
            int[] groups = new int[8];
            for (int i = 0; i < 8; i++) groups[i] = (int)(((i < 4 ? High : Low) >> (48 - 16 * (i % 4))) & 0xffff);
            int longestStart = -1, longest = 1;
            for (int i = 0; i < 8; i++)
            {
                int end = i;
                while (end < 8 && groups[end] == 0) end++;
                if (end - i > longest)
                {
                    longestStart = i;
                    longest = end - i;
                }
            }
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 8; i++)
            {
                if (i == longestStart)
                {
                    text.Append("::");
                    i += longest - 1;
                    continue;
                }
                if (text.Length > 0 && text[text.Length - 1] != ':') text.Append(':');
                text.Append(groups[i].ToString("x", CultureInfo.InvariantCulture));
            }
            return text.ToString();
        }
    }
}
