// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>What of a profile is set.</summary>
    public enum Setting { Enabled, BlockInbound, BlockOutbound, LogDropped }

    /// <summary>
    /// The settings of the firewall in one profile. ShieldsUp blocks all inbound traffic, whatever the rules allow.
    /// </summary>
    public class Profile
    {
        /// <summary>domain, private, public: the bits of Windows.</summary>
        public static readonly int[] Numbers = { 1, 2, 4 };
        public static readonly Setting[] Settings =
        {
            Setting.BlockInbound, Setting.BlockOutbound, Setting.Enabled, Setting.LogDropped,
        };
        public bool Enabled, BlockInbound, BlockOutbound, LogDropped, ShieldsUp;

        public Profile Copy()
        {
            return (Profile)MemberwiseClone();
        }

        public bool Get(Setting setting)
        {
            switch (setting)
            {
                case Setting.Enabled: return Enabled;
                case Setting.BlockInbound: return BlockInbound;
                case Setting.BlockOutbound: return BlockOutbound;
                default: return LogDropped;
            }
        }

        public void Set(Setting setting, bool value)
        {
            switch (setting)
            {
                case Setting.Enabled: Enabled = value; break;
                case Setting.BlockInbound: BlockInbound = value; break;
                case Setting.BlockOutbound: BlockOutbound = value; break;
                default: LogDropped = value; break;
            }
        }

        public List<object> ToData()
        {
            return new List<object> { Enabled, BlockInbound, BlockOutbound, LogDropped, ShieldsUp };
        }

        /// <summary>Raises FormatException.</summary>
        public static Profile Parse(List<object> data)
        {
            if (data.Count != 5 || !data.TrueForAll(delegate(object item) { return item is bool; }))
                throw new FormatException("profile: must be five times true or false");
            return new Profile
            {
                Enabled = (bool)data[0],
                BlockInbound = (bool)data[1],
                BlockOutbound = (bool)data[2],
                LogDropped = (bool)data[3],
                ShieldsUp = (bool)data[4],
            };
        }
    }

    /// <summary>
    /// What group policy or device management decides about a profile, null where it leaves that to the host.
    /// </summary>
    public class ProfilePolicy
    {
        public bool? Enabled, BlockInbound, BlockOutbound, ShieldsUp, MergesLocalRules;
    }
}
