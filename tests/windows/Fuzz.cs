using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Reports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rescues;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace PortmatrixTests
{
    /// <summary>Random hosts and policies through all phases, with failures at random operations; what is wrong is listed, not thrown.</summary>
    public class Fuzz
    {
        public readonly List<object> Wrong = new List<object>();
        public int Policies, Operations, Lockouts, Refused, Deaths, Rollbacks, Packets;
        readonly int seed;
        int number;
        NastyStore store;
        PretendHost host;
        RandomHosts chance;

        public Fuzz(int seed)
        {
            this.seed = seed;
        }

        public Dictionary<string, object> Run(int count)
        {
            for (number = seed; number < seed + count; number++)
            {
                try
                {
                    One();
                }
                catch (Exception error)
                {
                    Say("an unexpected error: " + error);
                }
            }
            Dictionary<string, object> found = new Dictionary<string, object>();
            found["policies"] = Policies;
            found["operations"] = Operations;
            found["lockouts"] = Lockouts;
            found["refused"] = Refused;
            found["deaths"] = Deaths;
            found["rollbacks"] = Rollbacks;
            found["packets"] = Packets;
            found["wrong"] = Wrong;
            return found;
        }

        void Say(string what) { Wrong.Add("seed " + number + ": " + what); }

        void Expect(bool met, string what) { if (!met) Say(what); }

        /// <summary>The host is as it was BEFORE; else only the lines that differ are told.</summary>
        void Same(string before, string what)
        {
            List<string> was = new List<string>(before.Split('\n')), now = new List<string>(Watchman.Dump(store).Split('\n'));
            List<string> gone = was.FindAll(delegate(string line) { return !now.Contains(line); }),
                come = now.FindAll(delegate(string line) { return !was.Contains(line); });
            Expect(was.Count == now.Count && gone.Count == 0 && come.Count == 0, what + ":\n- " + String.Join("\n- ", gone.ToArray()) + "\n+ "
                + String.Join("\n+ ", come.ToArray()));
        }

        void One()
        {
            chance = new RandomHosts(number);
            store = new NastyStore(number);
            host = new PretendHost();
            chance.Furnish(store, host);
            host.Seam = new Seam(store, host, host);
            store.Watch = delegate
            {
                Operations++;
                if (Watchman.Passes(store, true, 6, RandomHosts.Controller, 5985)) return;
                Lockouts++;
                Say("locked out after " + store.Journal[store.Journal.Count - 1]);
            };
            string before = Watchman.Dump(store);
            Locked(before);
            Dictionary<string, object> first = chance.Policy(false);
            Confirmed(first);
            Packet(first);
            Dictionary<string, object> second = chance.Policy(false);
            Unconfirmed(second);
            Dies(second);
            Confirmed(second);
            Dies(null);
            Confirmed(null);
            Same(before, "absent did not leave the host as it was");
            Expect(!host.Registry.ContainsKey("Memory"), "something is still remembered: " + host.Recall("Memory"));
        }

        Request Ask(Dictionary<string, object> policy, bool check, int seconds)
        {
            Policies++;
            Request request = new Request { State = policy == null ? "absent" : "enforced", Check = check, ConfirmTimeout = seconds, Port = 5985,
                Program = "program" };
            request.Policy = policy == null ? "" : RandomHosts.Text(policy);
            return request;
        }

        /// <summary>A guard that forgets the controller is refused before anything happens.</summary>
        void Locked(string before)
        {
            int operations = store.Journal.Count;
            try
            {
                Convergence.Run(host.Seam, Ask(chance.Policy(true), false, 30));
                // a rule of others may let the controller in, too
                Expect(Watchman.Passes(store, true, 6, RandomHosts.Controller, 5985), "a policy that locks out was applied");
                host.Fire();
                Same(before, "rolled back to something else");
            }
            catch (PolicyException error)
            {
                Refused++;
                Expect(error.Message.IndexOf("portmatrix_management_sources", StringComparison.Ordinal) > 0, "the refusal does not say what to do: "
                    + error.Message);
                Expect(store.Journal.Count == operations && Watchman.Dump(store) == before, "a refusal changed something");
            }
        }

        void Confirmed(Dictionary<string, object> policy)
        {
            int operations = store.Journal.Count;
            Report foreseen = Convergence.Run(host.Seam, Ask(policy, true, 30));
            Expect(store.Journal.Count == operations, "check mode changed something");
            Report done = Convergence.Run(host.Seam, Ask(policy, false, chance.Chance(4) ? 0 : 30));
            object pending;
            if (done.Result.TryGetValue("pending", out pending))
            {
                done.Result.Remove("pending");
                Dictionary<string, object> answer = Rescue.Confirm(host.Seam, (string)((Dictionary<string, object>)pending)["token"]);
                Expect((string)answer["outcome"] == "confirmed", "not confirmed: " + answer["reason"]);
            }
            Expect(JsonWriter.Text(foreseen.Result) == JsonWriter.Text(done.Result) && foreseen.Before == done.Before && foreseen.After == done.After,
                "check mode foresaw something else:\n" + JsonWriter.Text(foreseen.Result) + foreseen.Before + foreseen.After + "\n--\n"
                + JsonWriter.Text(done.Result) + done.Before + done.After);
            Expect((bool)done.Result["changed"] == store.Journal.Count > operations, "changed is not what happened");
            Expect((bool)done.Result["changed"] || foreseen.Before == foreseen.After, "a diff without a change");
            operations = store.Journal.Count;
            Report again = Convergence.Run(host.Seam, Ask(policy, false, 30));
            Expect(!(bool)again.Result["changed"] && store.Journal.Count == operations, "the second run changed something:\n" + again.Before + "--\n"
                + again.After);
            host.Sleep(100);
            Expect(host.Due == DateTime.MaxValue, "a timer is left");
        }

        void Unconfirmed(Dictionary<string, object> policy)
        {
            string before = Watchman.Dump(store), memory = host.Recall("Memory");
            if (!(bool)Convergence.Run(host.Seam, Ask(policy, false, 30)).Result["changed"]) return;
            Rollbacks++;
            host.Sleep(30);
            Same(before, "rolled back to something else");
            Expect(host.Recall("Memory") == memory && host.Recall("Pending") == null, "what is remembered was not rolled back");
        }

        /// <summary>The firewall fails at some operation, and for half of the cases at all that follow, as if the process had died: the timer mends
        /// it.</summary>
        void Dies(Dictionary<string, object> policy)
        {
            string before = Watchman.Dump(store), memory = host.Recall("Memory");
            store.FailAt = store.Journal.Count + chance.Number(6);
            Action fall = store.Watch;
            bool dies = chance.Chance(2);
            int last = store.FailAt;
            if (dies) store.Watch = delegate { fall(); if (store.Journal.Count >= last) store.Dead = true; };
            try
            {
                Report report = Convergence.Run(host.Seam, Ask(policy, false, 30));
                store.Watch = fall;
                store.Dead = false;
                store.FailAt = -1;
                if (report.Result.ContainsKey("pending")) Rescue.Rollback(host.Seam, host.Token);
            }
            catch (PolicyException)
            {
                Deaths++;
                store.Watch = fall;
                store.Dead = false;
                store.FailAt = -1;
                host.Sleep(40);
            }
            store.Watch = fall;
            store.Dead = false;
            Same(before, "after a failure the host is something else");
            Expect(host.Recall("Memory") == memory, "after a failure something else is remembered: " + host.Recall("Memory") + " and not " + memory);
        }

        /// <summary>What the policy says passes; what it does not say is stopped, unless a rule of others lets it pass.</summary>
        void Packet(Dictionary<string, object> policy)
        {
            bool deny = (string)policy["egress"] == "deny";
            Dictionary<string, object> groups = (Dictionary<string, object>)policy["groups"];
            foreach (Dictionary<string, object> rule in (List<object>)policy["rules"])
            {
                string protocol = (string)rule["protocol"], group = (string)rule["group"];
                if (protocol != "tcp" && protocol != "udp" || group == null) continue;
                bool inbound = (string)rule["direction"] == "ingress";
                List<object> peers = (List<object>)groups[group], ports = (List<object>)rule["ports"];
                string peer = ((string)peers[chance.Number(peers.Count)]).Split('/')[0];
                int port = Int32.Parse(((string)ports[chance.Number(ports.Count)]).Split('-')[0]), number = protocol == "tcp" ? 6 : 17;
                Packets += 3;
                if (inbound || deny) Expect(Watchman.Passes(store, inbound, number, peer, port) || Blocked(inbound, number, peer, port),
                    "a documented flow does not pass: " + peer + " " + port);
                if (inbound) Expect(!Watchman.Passes(store, true, number, "192.0.2.77", 4999) || Beside(policy, number), "an undocumented peer passes");
                if (inbound) Expect(!Watchman.Passes(store, true, number, peer, 65001) || Beside(policy, number), "an undocumented port passes");
            }
        }

        bool Blocked(bool inbound, int protocol, string peer, int port)
        {
            return store.Rules.Exists(delegate(Kept kept)
            {
                Rule rule = kept.Rule;
                return rule.Enabled && !rule.Allow && rule.Inbound == inbound && rule.Protocol == protocol && rule.LocalPorts + rule.RemotePorts != "**";
            });
        }

        /// <summary>Whether a rule of the policy opens ports to everybody: then strangers may pass there.</summary>
        static bool Beside(Dictionary<string, object> policy, int protocol)
        {
            return ((List<object>)policy["rules"]).Exists(delegate(object rule) { return ((Dictionary<string, object>)rule)["group"] == null; });
        }
    }
}
