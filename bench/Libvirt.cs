using System.Diagnostics;

namespace MomentTools.Bench;

/// <summary>
/// A libvirtd of the bench's own, with all its directories in the scratch directory: in a mount namespace, so that the host's libvirt, its
/// settings and its machines are neither seen nor touched.
/// </summary>
internal sealed class Libvirt : IDisposable, IAsyncDisposable
{
    private static readonly string[] Directories = ["/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/run/libvirt"];

    private readonly Process _daemon;
    private readonly string _uri;

    private Libvirt(Process daemon, string uri)
    {
        _daemon = daemon;
        _uri = uri;
    }

    /// <summary>Why it cannot run here, in a sentence, or null.</summary>
    public static string? WhyNot() =>
        Tool.Missing("virsh", "libvirtd", "unshare", "mount") is { } missing ? missing
            : !Environment.IsPrivilegedProcess ? "a libvirtd of the bench's own needs root" : null;

    /// <summary>Starts it; null where the system does not allow it.</summary>
    public static async Task<Libvirt?> StartAsync(string directory, CancellationToken cancellation)
    {
        string[] own = [.. Directories.Select((_, index) => Path.Combine(directory, $"{index}"))];
        foreach (string path in own)
            Directory.CreateDirectory(path);
        await File.WriteAllTextAsync(Path.Combine(own[0], "libvirtd.conf"), $"unix_sock_dir = \"{directory}\"\nauth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n", cancellation);
        await File.WriteAllTextAsync(
            Path.Combine(own[0], "qemu.conf"),
            "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\ncgroup_controllers = []\nstdio_handler = \"file\"\n", cancellation);
        string mounts = string.Join(" && ", Directories.Zip(own, (there, here) => $"mkdir -p {there} && mount --bind {here} {there}"));
        var start = new ProcessStartInfo("unshare", ["--mount", "sh", "-c", $"{mounts} && exec libvirtd -f /etc/libvirt/libvirtd.conf -p {directory}/pid >{directory}/log 2>&1"]) { UseShellExecute = false };
        var libvirt = new Libvirt(Process.Start(start)!, $"qemu+unix:///system?socket={directory}/libvirt-sock");
        for (int tries = 0; tries < 100 && !libvirt._daemon.HasExited; tries++)
        {
            await Task.Delay(100, cancellation);
            if (File.Exists(Path.Combine(directory, "libvirt-sock")))
                return libvirt;
        }

        libvirt.Dispose();
        return null;
    }

    public Task<string> VirshAsync(IEnumerable<string> arguments, CancellationToken cancellation) =>
        Tool.RunAsync("virsh", ["-q", "-c", _uri, .. arguments], cancellation);

    public LibvirtShell Shell() => new(_uri);

    /// <summary>Ends the bench's machine, where it runs, and libvirtd.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await VirshAsync(["destroy", Machine.Name], CancellationToken.None);
        }
        catch (InvalidOperationException notStarted)
        {
            Console.Error.WriteLine(notStarted.Message);
        }

        Dispose();
    }

    public void Dispose()
    {
        if (!_daemon.HasExited)
            _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
    }
}
