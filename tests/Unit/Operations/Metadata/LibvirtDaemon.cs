using System.Diagnostics;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>A libvirtd of the test's own, in a mount namespace: the host's libvirt and its machines are neither seen nor touched.</summary>
internal sealed class LibvirtDaemon : IDisposable
{
    private static readonly string[] Directories = ["/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/run/libvirt"];

    private readonly Process _daemon;
    private readonly string _uri;

    private LibvirtDaemon(Process daemon, string directory)
    {
        _daemon = daemon;
        Directory = directory;
        _uri = $"qemu+unix:///system?socket={directory}/libvirt-sock";
    }

    public string Directory { get; }

    /// <summary>Where it keeps what is /var/lib/libvirt for it.</summary>
    public string Library => Path.Combine(Directory, "1");

    public static async Task<LibvirtDaemon> StartAsync(string directory)
    {
        Tool.Require("virsh", "libvirtd", "unshare", "mount");
        Skip.IfNot(Environment.IsPrivilegedProcess, "a libvirtd of the test's own needs root");
        string[] own = [.. Directories.Select((_, index) => Path.Combine(directory, $"{index}"))];
        foreach (string path in own)
            System.IO.Directory.CreateDirectory(path);
        await File.WriteAllTextAsync(Path.Combine(own[0], "libvirtd.conf"), $"unix_sock_dir = \"{directory}\"\nauth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n");
        await File.WriteAllTextAsync(
            Path.Combine(own[0], "qemu.conf"), "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\ncgroup_controllers = []\nstdio_handler = \"file\"\n");
        string mounts = string.Join(" && ", Directories.Zip(own, (there, here) => $"mkdir -p {there} && mount --bind {here} {there}"));
        var start = new ProcessStartInfo("unshare", ["--mount", "sh", "-c", $"{mounts} && exec libvirtd -f /etc/libvirt/libvirtd.conf -p {directory}/pid >{directory}/log 2>&1"]) { UseShellExecute = false };
        var libvirt = new LibvirtDaemon(Process.Start(start)!, directory);
        for (int tries = 0; tries < 150 && !libvirt._daemon.HasExited; tries++)
        {
            await Task.Delay(100);
            if (File.Exists(Path.Combine(directory, "libvirt-sock")))
                return libvirt;
        }

        libvirt.Dispose();
        Skip.If(true, "libvirtd does not start here");
        throw new InvalidOperationException();
    }

    public string Virsh(params string[] arguments) => Tool.Run("virsh", ["-q", "-c", _uri, .. arguments]);

    public void Dispose()
    {
        if (!_daemon.HasExited)
            _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
    }
}
