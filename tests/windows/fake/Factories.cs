using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using PortmatrixTests;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Factories
{
    /// <summary>Replaces the shipped file of this name: the module runs unchanged, on a pretended host.</summary>
    public static class DependencyFactory
    {
        public static HostileStore Store;
        public static PretendHost Host;

        public static void Reset()
        {
            Store = new HostileStore(1);
            Host = new PretendHost();
            Host.Dependencies = new Dependencies(Store, Host, Host);
            Host.ListeningPorts.Add(5985);
            Host.Connections.Add(new Connection { Peer = "198.51.100.1", Port = 5985 });
            Store.Rules.Add(RandomHosts.CreateOtherRule("WinRM", true, true, true, 6, "5985", "*", ""));
        }

        public static Dependencies Create()
        {
            return Host.Dependencies;
        }
    }
}
