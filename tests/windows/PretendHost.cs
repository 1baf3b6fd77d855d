using System;
using System.Collections.Generic;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// A pretended host. Its clock advances in Sleep and in slow listings, and the task runs when it is due. Each run
    /// and each start of the task is a process of its own, and reads names in its own language.
    /// </summary>
    public class PretendHost : IHost, IRecordFolder, IRollbackTask
    {
        public readonly Dictionary<string, string> Files = new Dictionary<string, string>();
        public readonly List<int> ListeningPorts = new List<int>();
        public readonly List<string> OwnAddresses = new List<string> { "192.168.1.10" };
        public readonly List<Connection> Connections = new List<Connection>();
        /// <summary>Processes that live on.</summary>
        public readonly List<string> Living = new List<string>();
        public Connection OwnConnection;
        public DateTime Now = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), Due = DateTime.MaxValue;
        public string Token = "", SystemLanguage = "", Subnets = "192.168.1.0/24";
        public Machine Machine;
        public int FailWriteAt = -1, Writes, TaskRuns, LastExit = -1;
        public bool KeepsConnections, Administrator = true, SchedulerStopped, CannotRegister, Prepared;
        readonly HostileStore store;
        int process = 1;
        bool locked;

        public PretendHost(HostileStore store)
        {
            this.store = store;
            Machine = new Machine(store, this, this, this);
            store.Wait = delegate(double seconds) { Pass(seconds); };
        }

        public string Path { get { return @"C:\ProgramData\portmatrix"; } }
        public string GetVersion() { return "10.0.20348.0"; }
        public bool IsAdministrator() { return Administrator; }
        public List<int> GetListeningPorts() { return ListeningPorts; }
        public List<Connection> GetEstablishedConnections() { return Connections; }
        public Connection GetOwnConnection() { return OwnConnection; }
        public AddressSet GetLocalSubnets() { return AddressSet.Parse(Subnets); }
        public List<string> GetOwnAddresses() { return OwnAddresses; }
        public List<string> GetOtherFirewalls() { return new List<string>(); }
        public List<string> GetForwardedPorts() { return new List<string>(); }
        public DateTime UtcNow() { return Now; }
        public string GetProcessIdentity() { return process + " 1"; }
        public bool IsAlive(string identity) { return identity == GetProcessIdentity() || Living.Contains(identity); }

        public void EndProcess(string identity)
        {
            Living.Remove(identity);
            locked = false;
        }

        /// <summary>The controller connects anew for each run.</summary>
        public Dictionary<string, object> Run(Request request)
        {
            process++;
            foreach (Connection connection in Connections) if (!KeepsConnections) connection.PeerPort++;
            return Program.Run(Machine, request);
        }

        public void Check() { }

        public void Prepare() { Prepared = true; }

        public string Read(string name)
        {
            string text;
            return Files.TryGetValue(name, out text) ? text : null;
        }

        void CountWrite()
        {
            if (Writes++ == FailWriteAt
                || store.Dead) throw new UnauthorizedAccessException("Access to the path is denied.");
        }

        public void Write(string name, string text)
        {
            if (text == null && !Files.ContainsKey(name)) return;
            CountWrite();
            if (text == null) Files.Remove(name);
            else Files[name] = text;
        }

        public void WriteBytes(string name, byte[] bytes)
        {
            CountWrite();
            Files[name] = "bytes";
        }

        public bool TryCreate(string name, string text)
        {
            CountWrite();
            if (Files.ContainsKey(name)) return false;
            Files[name] = text;
            return true;
        }

        public void RemoveIfEmpty() { Prepared &= Files.Count > 0; }

        public IDisposable TryLock(int seconds)
        {
            if (locked)
            {
                Pass(seconds);
                return null;
            }
            locked = true;
            return new Unlocker(this);
        }

        public void Sleep(int milliseconds) { Pass(milliseconds / 1000.0); }

        void Pass(double seconds)
        {
            Now = Now.AddSeconds(seconds);
            if (Now >= Due && !SchedulerStopped) RunTask();
        }

        public void Register(string token, DateTime due)
        {
            if (CannotRegister) throw new InvalidOperationException("The Task Scheduler service is not available.");
            Token = token;
            Due = due;
        }

        public void Run() { if (!SchedulerStopped) RunTask(); }

        public void Remove() { Due = DateTime.MaxValue; }

        /// <summary>Run the task, as the Task Scheduler does when it is due or when the host starts.</summary>
        public void RunTask()
        {
            string language = store.Language;
            int caller = process;
            DateTime due = Due;
            process = 1000 + ++TaskRuns;
            // it is not started again while it runs
            Due = DateTime.MaxValue;
            try
            {
                store.Language = SystemLanguage;
                LastExit = 1;
                LastExit = Expiry.Run(Machine, Token);
            }
            catch (Exception)
            {
                // as Program.RunTask
            }
            store.Language = language;
            process = caller;
            // the trigger repeats until the task is removed
            if (LastExit != 0) Due = Now.AddSeconds(60);
            else if (due > Now && Files.ContainsKey(Records.Rehearsal)) Due = due;
        }

        class Unlocker : IDisposable
        {
            readonly PretendHost host;
            public Unlocker(PretendHost host) { this.host = host; }
            public void Dispose() { host.locked = false; }
        }
    }
}
