using System;
using System.Collections.Generic;
using System.Diagnostics;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// Milliseconds on the host for RULES of so many PEERS each and so many CONNECTIONS, which must not be blocked: to
    /// plan and to apply them, first, again, and with all rules changed.
    /// </summary>
    public class Loads
    {
        readonly int rules, peers, connections;
        readonly PretendHost host = new PretendHost(new HostileStore(1));

        /// <summary>time RULES PEERS CONNECTIONS</summary>
        public Loads(string[] arguments)
        {
            rules = Int32.Parse(arguments[1]);
            peers = Int32.Parse(arguments[2]);
            connections = Int32.Parse(arguments[3]);
            host.ListeningPorts.Add(5985);
            host.Connections.Add(new Connection { Peer = RandomHosts.Controller, Port = 5985 });
            for (int i = 0; i < connections; i++)
                host.Connections.Add(new Connection { Peer = "10.0." + i / 250 + "." + i % 250, Port = 1 + i % rules });
        }

        public object Measure()
        {
            Dictionary<string, object> times = new Dictionary<string, object>();
            foreach (string what in new string[] { "first", "again", "others" })
            {
                Dictionary<string, object> policy = CreatePolicy(what == "others" ? 1 : 0);
                times["plan " + what] = Time(policy, true);
                times["apply " + what] = Time(policy, false);
            }
            return times;
        }

        long Time(Dictionary<string, object> policy, bool check)
        {
            Request request = Documents.CreateRequest(policy, check, 0);
            request.ConfirmConnections = connections > 0;
            Stopwatch watch = Stopwatch.StartNew();
            host.Run(request);
            return watch.ElapsedMilliseconds;
        }

        Dictionary<string, object> CreatePolicy(int shift)
        {
            const string empty = "{\"format\":1,\"egress\":\"allow\",\"exclusive\":false,"
                + "\"management\":{\"sources\":[\"any\"],\"ports\":[]},\"citations\":{}}";
            Dictionary<string, object> policy = (Dictionary<string, object>)JsonReader.Parse(empty);
            Dictionary<string, object> groups = new Dictionary<string, object>();
            List<object> wanted = new List<object>();
            for (int i = 0; i < rules; i++)
            {
                List<object> group = new List<object>();
                for (int j = 0; j < peers; j++)
                    group.Add("10." + (i % 250 + shift) + "." + j / 125 + "." + (2 * (j % 125)) + "/32");
                groups["g" + i] = group;
                wanted.Add(JsonReader.Parse("{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"ports\":[\"" + (1 + i)
                    + "\"],\"group\":\"g" + i + "\",\"flows\":[\"product/flow-" + i + "\"]}"));
            }
            policy["groups"] = groups;
            policy["rules"] = wanted;
            return policy;
        }
    }
}
