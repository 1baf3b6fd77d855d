using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using PortmatrixTests;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Machines
{
    /// <summary>Takes the place of the shipped file of this name: the module runs as it is, over a pretended host.</summary>
    public static class Machine
    {
        public static NastyStore Store;
        public static PretendHost Host;

        public static void Reset()
        {
            Store = new NastyStore(1);
            Host = new PretendHost();
            Host.Seam = new Seam(Store, Host, Host);
            Host.Ports.Add(5985);
            Host.Connections.Add(new Connection { Peer = "198.51.100.1", Port = 5985 });
            Store.Rules.Add(RandomHosts.Other("WinRM", true, true, true, 6, "5985", "*", ""));
        }

        public static Seam Open()
        {
            return Host.Seam;
        }
    }
}
