using System;
using System.Collections.Generic;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// Random hosts and policies through all phases, with errors at random operations. Failed checks are listed.
    /// </summary>
    public class Fuzz
    {
        public readonly List<object> Failures = new List<object>();
        public int Policies, Operations, Lockouts, Refused, Deaths, Rollbacks, Packets, Cuts, Probed;
        readonly int seed;
        int number;
        HostileStore store;
        PretendHost host;
        RandomHosts chance;
        Probes probes;

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
                    CheckHost();
                }
                catch (Exception error)
                {
                    AddFailure("an unexpected error: " + error);
                }
            }
            Dictionary<string, object> counts = new Dictionary<string, object>();
            counts["policies"] = Policies;
            counts["operations"] = Operations;
            counts["lockouts"] = Lockouts;
            counts["refused"] = Refused;
            counts["deaths"] = Deaths;
            counts["rollbacks"] = Rollbacks;
            counts["packets"] = Packets;
            counts["probes"] = Probed;
            counts["cuts"] = Cuts;
            counts["failures"] = Failures;
            return counts;
        }

        void AddFailure(string what) { Failures.Add("seed " + number + ": " + what); }

        void Expect(bool met, string what) { if (!met) AddFailure(what); }

        /// <summary>Expect the host to be as BEFORE; a failure lists the lines that differ.</summary>
        void ExpectUnchanged(string before, string what)
        {
            List<string> was = new List<string>(before.Split('\n'));
            List<string> now = new List<string>(PacketEvaluator.Dump(store).Split('\n'));
            List<string> removed = was.FindAll(delegate(string line) { return !now.Contains(line); });
            List<string> added = now.FindAll(delegate(string line) { return !was.Contains(line); });
            Expect(was.Count == now.Count && removed.Count == 0 && added.Count == 0,
                what + ":\n- " + String.Join("\n- ", removed.ToArray())
                + "\n+ " + String.Join("\n+ ", added.ToArray()));
        }

        void CheckHost()
        {
            chance = new RandomHosts(number);
            store = new HostileStore(number);
            host = new PretendHost(store);
            chance.FillHost(store, host);
            if (chance.IsChosen(2)) host.SystemLanguage = "de: ";
            store.AfterOperation = delegate
            {
                Operations++;
                if (probes != null) probes.Look();
                if (PacketEvaluator.IsAllowed(store, true, 6, RandomHosts.Controller, 5985)) return;
                Lockouts++;
                AddFailure("locked out after " + store.Journal[store.Journal.Count - 1]);
            };
            string before = PacketEvaluator.Dump(store);
            CheckLockOut(before);
            Dictionary<string, object> first = chance.CreatePolicy(false);
            CheckConfirmed(first);
            CheckPackets(first);
            Dictionary<string, object> second =
                chance.IsChosen(3) ? chance.CreatePolicy(false) : chance.CreateRelatedPolicy(first);
            probes = new Probes(store, first, second);
            CheckUnconfirmed(second);
            CheckErrors(second);
            probes.Forget();
            CheckConfirmed(second);
            CountCuts();
            CheckErrors(null);
            probes.Forget();
            CheckConfirmed(null);
            CountCuts();
            ExpectUnchanged(before, "absent did not restore the host");
            Expect(host.Files.Count == 0, "files are left: " + String.Join(", ",
                new List<string>(host.Files.Keys).ToArray()));
        }

        /// <summary>
        /// What was allowed before and after the last change has to be allowed after each of its steps.
        /// </summary>
        void CountCuts()
        {
            Probed += probes.Count;
            List<string> cuts = probes.FindCuts();
            Cuts += cuts.Count;
            if (cuts.Count > 0) AddFailure("denied between two steps: " + String.Join(", ", cuts.ToArray()));
            probes.Forget();
        }

        Request CreateRequest(Dictionary<string, object> policy, bool check, int seconds)
        {
            Policies++;
            return Documents.CreateRequest(policy, check, seconds);
        }

        /// <summary>A guard without the controller is refused before anything has changed.</summary>
        void CheckLockOut(string before)
        {
            int operations = store.Journal.Count;
            try
            {
                host.Run(CreateRequest(chance.CreatePolicy(true), false, 30));
                // a rule not managed by portmatrix may allow the controller, too
                Expect(PacketEvaluator.IsAllowed(store, true, 6, RandomHosts.Controller, 5985),
                    "a policy that locks out was applied");
                host.RunTask();
                ExpectUnchanged(before, "rolled back to a different state");
            }
            catch (Refusal error)
            {
                Refused++;
                Expect(error.Code == "lockout", "the refusal is another one: " + error);
                Expect(store.Journal.Count == operations && PacketEvaluator.Dump(store) == before,
                    "a refusal changed something");
            }
        }

        void CheckConfirmed(Dictionary<string, object> policy)
        {
            int operations = store.Journal.Count;
            Dictionary<string, object> predicted = host.Run(CreateRequest(policy, true, 30));
            Expect(store.Journal.Count == operations, "check mode changed something");
            Dictionary<string, object> applied = host.Run(CreateRequest(policy, false, chance.IsChosen(4) ? 0 : 30));
            if (applied.ContainsKey("pending") && (bool)applied["pending"])
            {
                Dictionary<string, object> answer = host.Run(new Request
                {
                    State = "confirmed", Token = "the-token", Port = 5985, Transport = Listener.WinRm,
                });
                Expect((string)answer["outcome"] == "confirmed", "not confirmed: " + JsonWriter.Serialize(answer));
            }
            applied.Remove("pending");
            applied.Remove("waited");
            string prediction = JsonWriter.Serialize(predicted), outcome = JsonWriter.Serialize(applied);
            Expect(prediction == outcome, "check mode predicted something else:\n" + prediction + "\n--\n" + outcome);
            Expect((bool)applied["changed"] == store.Journal.Count > operations,
                "changed does not match the operations");
            operations = store.Journal.Count;
            Dictionary<string, object> again = host.Run(CreateRequest(policy, false, 30));
            Expect(!(bool)again["changed"] && store.Journal.Count == operations,
                "the second run changed something: " + JsonWriter.Serialize(again));
            host.Sleep(100000);
            Expect(host.Due == DateTime.MaxValue, "a task is left");
            Expect((bool)host.Run(new Request { State = "gathered" })["enforced"] == (policy != null),
                "gathered says otherwise");
        }

        void CheckUnconfirmed(Dictionary<string, object> policy)
        {
            string before = PacketEvaluator.Dump(store), former = host.Read(Records.Memory);
            if (!(bool)host.Run(CreateRequest(policy, false, 30))["changed"]) return;
            CountCuts();
            Rollbacks++;
            host.Sleep(30000);
            CountCuts();
            ExpectUnchanged(before, "rolled back to a different state");
            Expect(host.Read(Records.Memory) == former && host.Read(Records.Pending) == null,
                "the former state was not rolled back");
        }

        /// <summary>
        /// The firewall fails at one operation, or at all from there on, as if the process had died: the timer rolls
        /// back.
        /// </summary>
        void CheckErrors(Dictionary<string, object> policy)
        {
            string before = PacketEvaluator.Dump(store), former = host.Read(Records.Memory);
            store.FailAt = store.Journal.Count + chance.Choose(6);
            Action afterOperation = store.AfterOperation;
            bool dies = chance.IsChosen(2);
            int last = store.FailAt;
            if (dies)
                store.AfterOperation = delegate
                {
                    afterOperation();
                    if (store.Journal.Count >= last) store.Dead = true;
                };
            try
            {
                Dictionary<string, object> result = host.Run(CreateRequest(policy, false, 30));
                store.AfterOperation = afterOperation;
                store.Dead = false;
                store.FailAt = -1;
                if (result.ContainsKey("pending")) host.RunTask();
            }
            catch (Refusal)
            {
                Deaths++;
                store.AfterOperation = afterOperation;
                store.Dead = false;
                store.FailAt = -1;
                host.Sleep(100000);
            }
            store.AfterOperation = afterOperation;
            store.Dead = false;
            ExpectUnchanged(before, "after an error the host is different");
            Expect(host.Read(Records.Memory) == former, "after an error another former state is stored: "
                + host.Read(Records.Memory) + ", expected " + former);
        }

        /// <summary>Documented traffic is allowed; other traffic is blocked, unless another rule allows it.</summary>
        void CheckPackets(Dictionary<string, object> policy)
        {
            bool deny = (string)policy["egress"] == "deny";
            Dictionary<string, object> groups = (Dictionary<string, object>)policy["groups"];
            foreach (Dictionary<string, object> rule in (List<object>)policy["rules"])
            {
                string protocol = (string)rule["protocol"], group = (string)rule["group"];
                if (protocol != "tcp" && protocol != "udp" || group == null) continue;
                bool inbound = (string)rule["direction"] == "ingress";
                List<object> peers = (List<object>)groups[group], ports = (List<object>)rule["ports"];
                string peer = ((string)peers[chance.Choose(peers.Count)]).Split('/')[0];
                int port = Int32.Parse(((string)ports[chance.Choose(ports.Count)]).Split('-')[0]);
                int number = protocol == "tcp" ? 6 : 17;
                Packets += 3;
                if (inbound || deny)
                    Expect(PacketEvaluator.IsAllowed(store, inbound, number, peer, port)
                        || HasBlockRule(inbound, number), "a documented flow is blocked: " + peer + " " + port);
                if (!inbound || AllowsAnyPeer(policy)) continue;
                Expect(!PacketEvaluator.IsAllowed(store, true, number, "192.0.2.77", 4999),
                    "an undocumented peer is allowed");
                Expect(!PacketEvaluator.IsAllowed(store, true, number, peer, 65001), "an undocumented port is allowed");
            }
        }

        bool HasBlockRule(bool inbound, int protocol)
        {
            return store.Rules.Exists(delegate(StoredRule stored)
            {
                Rule rule = stored.Rule;
                return rule.Enabled && !rule.Allow && rule.Inbound == inbound && rule.Protocol == protocol
                    && rule.LocalPorts + rule.RemotePorts != "**";
            });
        }

        /// <summary>Whether a rule of the policy allows every peer.</summary>
        static bool AllowsAnyPeer(Dictionary<string, object> policy)
        {
            return ((List<object>)policy["rules"]).Exists(delegate(object rule)
            {
                return ((Dictionary<string, object>)rule)["group"] == null;
            });
        }
    }
}
