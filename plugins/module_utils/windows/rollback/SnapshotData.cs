// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>
    /// Snapshots as JSON. The keys are a contract: a newer version of this code may read the snapshot of an older one.
    /// </summary>
    public static class SnapshotData
    {
        static readonly string[] keys =
        {
            "token", "process", "deadline", "appliers", "before", "after", "managed_before", "managed_after",
                "switched_on",
            "switched_off", "profiles_before", "profiles_after", "connections",
        };

        public static string Serialize(Snapshot snapshot)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["token"] = snapshot.Token;
            data["process"] = snapshot.Process;
            data["deadline"] = snapshot.Deadline.Ticks;
            data["appliers"] = snapshot.Appliers.ConvertAll<object>(WriteConnection);
            data["before"] = snapshot.Before.ToJson();
            data["after"] = snapshot.After.ToJson();
            data["managed_before"] = snapshot.ManagedBefore.ConvertAll<object>(RuleData.Write);
            data["managed_after"] = snapshot.ManagedAfter.ConvertAll<object>(
                delegate(KeyValuePair<string, string> rule) { return new List<object> { rule.Key, rule.Value }; });
            data["switched_on"] = SwitchedRule.ToData(snapshot.SwitchedOn);
            data["switched_off"] = SwitchedRule.ToData(snapshot.SwitchedOff);
            data["profiles_before"] = WriteProfiles(snapshot.ProfilesBefore);
            data["profiles_after"] = WriteProfiles(snapshot.ProfilesAfter);
            data["connections"] = snapshot.Connections.ConvertAll<object>(WriteConnection);
            return JsonWriter.Serialize(data);
        }

        static object WriteConnection(Connection connection)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["inbound"] = connection.Inbound;
            data["peer"] = connection.Peer;
            data["local"] = connection.Local;
            data["port"] = connection.Port;
            data["peer_port"] = connection.PeerPort;
            data["listener"] = connection.Listener.ToString();
            return data;
        }

        static Connection ReadConnection(object item)
        {
            Fields fields = Fields.FromItem(item, "connection", "inbound", "peer", "local", "port", "peer_port",
                "listener");
            return new Connection
            {
                Inbound = fields.GetFlag("inbound"),
                Peer = fields.GetText("peer"),
                Local = fields.GetText("local"),
                Port = (int)fields.GetNumber("port", 0, 65535),
                PeerPort = (int)fields.GetNumber("peer_port", 0, 65535),
                Listener = (Listener)Enum.Parse(typeof(Listener),
                    fields.GetChoice("listener", Enum.GetNames(typeof(Listener)))),
            };
        }

        static Dictionary<string, object> WriteProfiles(Dictionary<int, Profile> profiles)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (KeyValuePair<int, Profile> entry in profiles)
                data[entry.Key.ToString(CultureInfo.InvariantCulture)] = entry.Value.ToData();
            return data;
        }

        static void ReadProfiles(Fields fields, string key, Dictionary<int, Profile> into)
        {
            Fields profiles = fields.GetObject(key, "1", "2", "4");
            foreach (int number in Profile.Numbers)
                into[number] = Profile.Parse(profiles.GetItems(number.ToString(CultureInfo.InvariantCulture)));
        }

        /// <summary>Raises FormatException.</summary>
        public static Snapshot Parse(string text)
        {
            Fields fields = Fields.Parse(text, "pending", keys);
            Snapshot snapshot = new Snapshot();
            snapshot.Token = fields.GetText("token");
            snapshot.Process = fields.GetText("process");
            snapshot.Deadline = new DateTime(
                fields.GetNumber("deadline", 0, DateTime.MaxValue.Ticks), DateTimeKind.Utc);
            snapshot.Appliers.AddRange(fields.GetItems("appliers").ConvertAll<Connection>(ReadConnection));
            snapshot.Before = Memory.Parse(fields.IsNull("before") ? null : fields.GetText("before"));
            snapshot.After = Memory.Parse(fields.IsNull("after") ? null : fields.GetText("after"));
            foreach (object item in fields.GetItems("managed_before"))
                snapshot.ManagedBefore.Add(RuleData.Parse(item, "pending"));
            foreach (object item in fields.GetItems("managed_after"))
            {
                List<object> pair = item as List<object>;
                if (pair == null || pair.Count != 2 || !(pair[0] is string) || !(pair[1] is string))
                    throw new FormatException("pending: managed_after: must be pairs of texts");
                snapshot.ManagedAfter.Add(new KeyValuePair<string, string>((string)pair[0], (string)pair[1]));
            }
            SwitchedRule.Parse(fields, "switched_on", snapshot.SwitchedOn);
            SwitchedRule.Parse(fields, "switched_off", snapshot.SwitchedOff);
            ReadProfiles(fields, "profiles_before", snapshot.ProfilesBefore);
            ReadProfiles(fields, "profiles_after", snapshot.ProfilesAfter);
            snapshot.Connections.AddRange(fields.GetItems("connections").ConvertAll<Connection>(ReadConnection));
            return snapshot;
        }
    }
}
