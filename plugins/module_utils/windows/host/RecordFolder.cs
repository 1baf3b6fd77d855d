// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Diagnostics;
    using System.IO;
    using System.Security.AccessControl;
    using System.Security.Principal;
    using System.Threading;

    /// <summary>%ProgramData%\portmatrix, with an access list of its own.</summary>
    public class RecordFolder : IRecordFolder
    {
        const string LockName = "lock";
        const int Pause = 100;
        static readonly SecurityIdentifier administrators =
            new SecurityIdentifier(WellKnownSidType.BuiltinAdministratorsSid, null);
        static readonly SecurityIdentifier system = new SecurityIdentifier(WellKnownSidType.LocalSystemSid, null);

        public string Path { get; private set; }

        public RecordFolder()
            : this(System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "portmatrix")) { }

        public RecordFolder(string path)
        {
            Path = path;
        }

        public virtual void Prepare()
        {
            DirectoryInfo folder = new DirectoryInfo(Path);
            if (!folder.Exists) folder.Create(CreateAccessList());
            Check();
        }

        /// <summary>
        /// Everybody may create folders in %ProgramData%: one that somebody else has made there is refused.
        /// </summary>
        public virtual void Check()
        {
            DirectoryInfo folder = new DirectoryInfo(Path);
            if (!folder.Exists) return;
            if ((folder.Attributes & FileAttributes.ReparsePoint) != 0)
                throw new Refusal("folder", "path", Path, "problem", "it is a link");
            DirectorySecurity security = folder.GetAccessControl();
            SecurityIdentifier owner = (SecurityIdentifier)security.GetOwner(typeof(SecurityIdentifier));
            if (!IsTrusted(owner))
                throw new Refusal("folder", "path", Path, "problem", "it belongs to " + owner.Value);
            foreach (FileSystemAccessRule rule in security.GetAccessRules(true, true, typeof(SecurityIdentifier)))
                if (rule.AccessControlType == AccessControlType.Allow
                    && !IsTrusted((SecurityIdentifier)rule.IdentityReference))
                    throw new Refusal("folder", "path", Path, "problem", rule.IdentityReference.Value + " has access");
        }

        static bool IsTrusted(SecurityIdentifier identity)
        {
            return identity == administrators || identity == system;
        }

        static DirectorySecurity CreateAccessList()
        {
            DirectorySecurity security = new DirectorySecurity();
            security.SetAccessRuleProtection(true, false);
            security.SetOwner(administrators);
            foreach (SecurityIdentifier identity in new SecurityIdentifier[] { administrators, system })
                security.AddAccessRule(new FileSystemAccessRule(identity, FileSystemRights.FullControl,
                    InheritanceFlags.ContainerInherit | InheritanceFlags.ObjectInherit, PropagationFlags.None,
                    AccessControlType.Allow));
            return security;
        }

        string GetPath(string name)
        {
            return System.IO.Path.Combine(Path, name);
        }

        public string Read(string name)
        {
            return SharedFiles.Read(GetPath(name));
        }

        public virtual void Write(string name, string text)
        {
            if (text != null) SharedFiles.Write(GetPath(name), text);
            else if (Directory.Exists(Path)) SharedFiles.Delete(GetPath(name));
        }

        public void WriteBytes(string name, byte[] bytes)
        {
            SharedFiles.WriteBytes(GetPath(name), bytes);
        }

        public virtual bool TryCreate(string name, string text)
        {
            return SharedFiles.TryCreate(GetPath(name), text);
        }

        /// <summary>Another run may be at work there, and then it stays.</summary>
        public void RemoveIfEmpty()
        {
            try
            {
                foreach (string path in Directory.GetFileSystemEntries(Path))
                    if (System.IO.Path.GetFileName(path) != LockName) return;
                File.Delete(GetPath(LockName));
                Directory.Delete(Path);
            }
            catch (IOException)
            {
                // it is in use, or gone
            }
            catch (UnauthorizedAccessException)
            {
                // it is in use
            }
        }

        /// <summary>The system opens the file again when its holder ends, however that ends.</summary>
        public IDisposable TryLock(int seconds)
        {
            Stopwatch watch = Stopwatch.StartNew();
            while (true)
            {
                try
                {
                    return new FileStream(GetPath(LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                        FileShare.None);
                }
                catch (DirectoryNotFoundException)
                {
                    Prepare();
                }
                catch (IOException)
                {
                    // another run has it
                }
                catch (UnauthorizedAccessException)
                {
                    // it is being deleted
                }
                if (watch.Elapsed.TotalSeconds >= seconds) return null;
                Thread.Sleep(Pause);
            }
        }
    }
}
