namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Diagnostics;
    using System.Globalization;
    using System.IO;
    using System.Threading;

    /// <summary>
    /// The folder of an imitated host, which outlives this process: firewall.json, machine.json, faults.json, records/,
    /// task.json. The tests read and write the same files.
    /// </summary>
    public class HostFolder
    {
        public readonly string Location = Environment.GetEnvironmentVariable("PORTMATRIX_IMITATED_HOST");

        public string Find(string name) { return Path.Combine(Location, name); }

        public Dictionary<string, object> Read(string name)
        {
            return (Dictionary<string, object>)JsonReader.Parse(File.ReadAllText(Find(name)));
        }

        public void Write(string name, object data) { WriteText(name, JsonWriter.Serialize(data)); }

        /// <summary>Atomic: who reads at the same time has the former text.</summary>
        public void WriteText(string name, string text)
        {
            string next = Find(name + "." + Process.GetCurrentProcess().Id.ToString(CultureInfo.InvariantCulture));
            File.WriteAllText(next, text);
            // rename(2); File.Move would refuse a target that exists, and File.Replace is not one step everywhere
            if (File.Exists(Find(name))) File.Replace(next, Find(name), null);
            else File.Move(next, Find(name));
        }

        /// <summary>The value of a fault; null where nothing goes wrong.</summary>
        public object GetFault(string name)
        {
            object value;
            return Read("faults.json").TryGetValue(name, out value) ? value : null;
        }

        /// <summary>Raise an error of Windows if the fault NAME is left; its value is how often (-1: always).</summary>
        public void FailIfSet(string name, string message)
        {
            Dictionary<string, object> faults = Read("faults.json");
            long left = faults.ContainsKey(name) ? (long)faults[name] : 0;
            if (left == 0) return;
            if (left > 0) faults[name] = left - 1;
            Write("faults.json", faults);
            throw new UnauthorizedAccessException(message);
        }
    }

    /// <summary>The host besides its firewall. Its clock may be ahead by `clock` seconds of machine.json.</summary>
    public class FileMachine : IHost
    {
        readonly HostFolder folder;
        readonly WindowsHost real = new WindowsHost();

        public FileMachine(HostFolder folder) { this.folder = folder; }

        public string GetVersion() { return "10.0.20348.0"; }

        public bool IsAdministrator() { return true; }

        public List<int> GetListeningPorts()
        {
            List<int> ports = new List<int>();
            foreach (string port in ((Dictionary<string, object>)folder.Read("machine.json")["listeners"]).Keys)
                ports.Add(Int32.Parse(port, CultureInfo.InvariantCulture));
            return ports;
        }

        public List<Connection> GetEstablishedConnections()
        {
            List<Connection> connections = new List<Connection>();
            foreach (Dictionary<string, object> entry in (List<object>)folder.Read("machine.json")["connections"])
                connections.Add(new Connection
                {
                    Peer = (string)entry["peer"],
                    Port = (int)(long)entry["port"],
                    PeerPort = (int)(long)entry["peer_port"],
                    Local = (string)folder.Read("machine.json")["address"],
                });
            return connections;
        }

        public Connection GetOwnConnection() { return real.GetOwnConnection(); }

        public AddressSet GetLocalSubnets() { return AddressSet.Parse("192.0.2.0/24"); }

        public List<string> GetOwnAddresses()
        {
            return new List<string> { (string)folder.Read("machine.json")["address"] };
        }

        public List<string> GetOtherFirewalls() { return new List<string>(); }

        public List<string> GetForwardedPorts() { return new List<string>(); }

        public DateTime UtcNow()
        {
            return DateTime.UtcNow.AddSeconds((long)folder.Read("machine.json")["clock"]);
        }

        public void Sleep(int milliseconds) { Thread.Sleep(milliseconds); }

        public string GetProcessIdentity()
        {
            return Process.GetCurrentProcess().Id.ToString(CultureInfo.InvariantCulture);
        }

        public bool IsAlive(string identity) { return Directory.Exists("/proc/" + identity); }

        /// <summary>Only a PowerShell of this host is ended.</summary>
        public void EndProcess(string identity)
        {
            string environment = "/proc/" + identity + "/environ";
            if (!File.Exists(environment)) return;
            string mark = "PORTMATRIX_IMITATED_HOST=" + folder.Location + "\0";
            if (File.ReadAllText(environment).IndexOf(mark, StringComparison.Ordinal) < 0) return;
            Process.GetProcessById(Int32.Parse(identity, CultureInfo.InvariantCulture)).Kill();
        }
    }

    /// <summary>
    /// The records, in the folder that $env:ProgramData names; without access lists, which Linux has not.
    /// </summary>
    public class FileRecords : RecordFolder
    {
        readonly HostFolder folder;

        public FileRecords(HostFolder folder) : base(folder.Find("ProgramData/portmatrix")) { this.folder = folder; }

        public override void Prepare() { Directory.CreateDirectory(Path); }

        public override void Check() { }

        public override void Write(string name, string text)
        {
            folder.FailIfSet("record", "Access to the path is denied.");
            base.Write(name, text);
        }

        public override bool TryCreate(string name, string text)
        {
            folder.FailIfSet("record", "Access to the path is denied.");
            return base.TryCreate(name, text);
        }
    }

    /// <summary>The task of the Task Scheduler; tests/windows/imitation/scheduler.py runs it.</summary>
    public class FileTask : IRollbackTask
    {
        readonly HostFolder folder;
        readonly string records;

        public FileTask(HostFolder folder, string records)
        {
            this.folder = folder;
            this.records = records;
        }

        public void Register(string token, DateTime due)
        {
            folder.FailIfSet("arm", "Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))");
            Dictionary<string, object> task = new Dictionary<string, object>();
            task["definition"] = ScheduledTask.BuildXml(records, token, due);
            task["script"] = ScheduledTask.BuildScript(records, token);
            folder.Write("task.json", task);
        }

        public void Run() { folder.WriteText("run-task", ""); }

        public void Remove() { File.Delete(folder.Find("task.json")); }
    }
}
