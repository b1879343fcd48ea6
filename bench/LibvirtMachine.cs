namespace MomentTools.Bench;

/// <summary>The same machine under a libvirtd of the bench's own, with disks of its own, and a virsh that is kept open or one for each command.</summary>
internal sealed class LibvirtMachine : IAsyncDisposable
{
    private readonly Libvirt _libvirt;
    private readonly LibvirtShell _shell;

    private LibvirtMachine(Libvirt libvirt, string directory)
    {
        _libvirt = libvirt;
        _shell = libvirt.Shell();
        Directory = directory;
    }

    /// <summary>Where its disks are.</summary>
    public string Directory { get; }

    /// <summary>Starts it; null where libvirtd does not come up.</summary>
    public static async Task<LibvirtMachine?> StartAsync(string scratch, int disks, bool paused, CancellationToken cancellation)
    {
        string own = Path.Combine(scratch, "v");
        System.IO.Directory.CreateDirectory(own);
        if (await Libvirt.StartAsync(own, cancellation) is not { } libvirt)
            return null;
        var machine = new LibvirtMachine(libvirt, own);
        for (int disk = 0; disk < disks; disk++)
            await Tool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", Machine.DiskPath(own, disk), "1G"], cancellation);
        string document = Path.Combine(own, "domain.xml");
        await File.WriteAllTextAsync(document, Machine.Document(own, disks), cancellation);
        await machine.VirshAsync(["define", document], cancellation);
        await machine.VirshAsync(["start", Machine.Name, .. paused ? (string[])["--paused"] : []], cancellation);
        return machine;
    }

    /// <summary>One command in a process of its own; a refusal is an error.</summary>
    public Task<string> VirshAsync(IEnumerable<string> arguments, CancellationToken cancellation) => _libvirt.VirshAsync(arguments, cancellation);

    /// <summary>One command of the virsh that is kept open.</summary>
    public Task CallAsync(string command, CancellationToken cancellation) => _shell.RunAsync(command, cancellation);

    public ValueTask DisposeAsync()
    {
        _shell.Dispose();
        return _libvirt.DisposeAsync();
    }
}
