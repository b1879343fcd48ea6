using System.Diagnostics;

namespace MomentTools.Tests.Support;

/// <summary>
/// A libvirtd of the test's own, with all its directories in a scratch directory: in a mount namespace, so that the host's libvirt, its
/// settings and its machines are neither seen nor touched.
/// </summary>
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

    /// <summary>Starts it; skips the test, saying why, where that is not possible.</summary>
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
        for (int tries = 0; tries < 600 && !libvirt._daemon.HasExited; tries++)
        {
            await Task.Delay(100);
            if (File.Exists(Path.Combine(directory, "libvirt-sock")))
                return libvirt;
        }

        libvirt.Dispose();
        Skip.If(true, "libvirtd does not start here");
        throw new InvalidOperationException();
    }

    /// <summary>Runs one command in a virsh of its own.</summary>
    public string Virsh(params string[] arguments) => Tool.Run("virsh", ["-q", "-c", _uri, .. arguments]);

    /// <summary>Runs commands in one virsh, each with its own output; one that fails fails the test.</summary>
    public IReadOnlyList<string> VirshAll(IReadOnlyList<string> commands)
    {
        const string mark = "=mark=";
        var start = new ProcessStartInfo("virsh", ["-q", "-c", _uri, string.Join("; ", commands.Select(command => $"{command}; echo {mark}"))])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string told = error.GetAwaiter().GetResult();
        Assert.True(told.Trim().Length == 0, told.Length > 2000 ? told[..2000] : told);
        string[] parts = output.Split(mark);
        Assert.Equal(commands.Count + 1, parts.Length);
        return parts[..^1];
    }

    public void Dispose()
    {
        if (!_daemon.HasExited)
            _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
    }
}
