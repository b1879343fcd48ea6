using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Bench.Benches;

/// <summary>A list in a PowerShell that was just started, beside virsh's on the same documents.</summary>
/// <param name="kind">Which moments.</param>
/// <param name="count">How many.</param>
/// <param name="bytes">How large one document is, about: most of it is the domain.</param>
internal sealed class ListBesideVirsh(MomentKind kind, int count, int bytes) : IBench
{
    private const string Module = "MomentTools.psd1";

    private Machine? _machine;
    private Libvirt? _libvirt;
    private string _command = "";
    private string _domain = "";

    private string Noun => kind == MomentKind.Checkpoint ? "checkpoint" : "snapshot";

    public string Subject => $"list of {count} {Noun}s of {bytes / 1000} KB, beside libvirt";

    public string OurWay => $"pwsh -NoProfile -Command 'Import-Module {Module}; Get-VMMoment {Machine.Name}'";

    public string TheirWay => $"virsh {Noun}-list";

    public async Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if ((Tool.Missing("pwsh", "qemu-img") ?? Libvirt.WhyNot()) is { } reason)
            return reason;
        string modules = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "MomentTools"));
        if (!Directory.Exists(modules))
            return "the module is not built: ./build.sh build";
        string manifest = Directory.EnumerateFiles(modules, Module, SearchOption.AllDirectories).Max(StringComparer.Ordinal)!;
        _machine = await Machine.RegisterAsync(scratch, 1L << 30, 0, 1, cancellation);
        _domain = Domain();
        DomainMoments state = Sample(out List<string> documents);
        string own = Path.Combine(scratch, "v");
        await WriteOursAsync(_machine.StateDirectory, state, cancellation);
        await WriteTheirsAsync(own, documents, cancellation);
        _libvirt = await Libvirt.StartAsync(own, cancellation);
        if (_libvirt is null)
            return "libvirtd did not come up in a mount namespace of its own";
        string listed = await _libvirt.VirshAsync([$"{Noun}-list", Machine.Name, "--name"], cancellation);
        int theirs = listed.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
        if (theirs != count)
            return $"libvirt read {theirs} of the {count} documents";
        _command = $"$env:MOMENTTOOLS_HOME = '{_machine.StateRoot}'; Import-Module '{manifest}' -ErrorAction Stop; Get-VMMoment {Machine.Name} -ErrorAction Stop";
        string ours = await StartAsync(_command, cancellation);
        return ours.Split('\n').Count(line => line.StartsWith("m0", StringComparison.Ordinal)) == count ? null : "Get-VMMoment does not list them all";
    }

    public Task OursAsync(CancellationToken cancellation) => StartAsync(_command, cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => _libvirt!.VirshAsync([$"{Noun}-list", Machine.Name], cancellation);

    public Task BareAsync(CancellationToken cancellation) => StartAsync("1", cancellation);

    public bool HasBare => true;

    public async ValueTask DisposeAsync()
    {
        _libvirt?.Dispose();
        _libvirt = null;
        if (_machine is not null)
            await _machine.DisposeAsync();
        _machine = null;
    }

    private static Task<string> StartAsync(string command, CancellationToken cancellation) =>
        Tool.RunAsync("pwsh", ["-NoProfile", "-NonInteractive", "-Command", command], cancellation);

    private DomainMoments Sample(out List<string> documents)
    {
        const string disk = "sda";
        Dictionary<MomentKey, StoredMoment> moments = [];
        Dictionary<string, TrackingPoint> points = new(StringComparer.Ordinal);
        documents = new List<string>(count);
        for (int number = 0; number < count; number++)
        {
            string name = $"m{number:00000}";
            string? parent = number == 0 ? null : $"m{number - 1:00000}";
            string head = $"<name>{name}</name>{(parent is null ? "" : $"<parent><name>{parent}</name></parent>")}<creationTime>{1_700_000_000 + number}</creationTime>";
            string text = kind == MomentKind.Checkpoint
                ? $"<domaincheckpoint>{head}<disks><disk name='{disk}' checkpoint='bitmap' bitmap='{name}'/></disks>{_domain}</domaincheckpoint>"
                : $"<domainsnapshot>{head}<state>shutoff</state><memory snapshot='no'/><disks><disk name='{disk}' snapshot='internal'/></disks>{_domain}{(number == count - 1 ? "<active>1</active>" : "<active>0</active>")}</domainsnapshot>";
            var key = new MomentKey(kind, name);
            documents.Add(text);
            moments[key] = new StoredMoment(
                key, $"{number}", MomentDocuments.Parse(text, name, XmlOrigin.Store), parent is null ? null : new MomentKey(kind, parent), DateTimeOffset.FromUnixTimeSeconds(1_700_000_000 + number), null);
            if (kind == MomentKind.Checkpoint)
                points[$"p{number}"] = new TrackingPoint($"p{number}", number == 0 ? null : $"p{number - 1}", number == 0 ? [] : [new SegmentSource.Sidecar("saved")], 1 << 30, 1 << 30, "l", true, key);
        }

        if (points.Count > 0)
            points["tip"] = new TrackingPoint("tip", $"p{count - 1}", [new SegmentSource.Bitmap("l", $"m{count - 1:00000}", null)], 1 << 30, 1 << 30, "l", false, null);
        var tips = new Dictionary<string, TrackingTip> { [DiskTracking.MainBranch] = new("tip", "l", $"m{count - 1:00000}") };
        var tracking = new DiskTracking { Disk = disk, Points = points, Tips = tips, Layers = new Dictionary<string, TrackingLayer> { ["l"] = new("l", _machine!.Disk, null) } };
        return new DomainMoments { Moments = moments, Disks = points.Count == 0 ? new Dictionary<string, DiskTracking>() : new Dictionary<string, DiskTracking> { [disk] = tracking } };
    }

    // As large as that of a real machine, with what both sides carry along unread.
    private string Domain()
    {
        string document = Machine.Document(Path.GetDirectoryName(_machine!.Disk)!, 1).Trim();
        const string note = "<b:note key='0123456789' value='0123456789abcdef0123456789abcdef'>kept as it is</b:note>";
        string more = string.Concat(Enumerable.Repeat(note, Math.Max(0, (bytes - document.Length - 500) / note.Length)));
        return document.Replace("<devices>", $"<metadata><b:notes xmlns:b='urn:bench'>{more}</b:notes></metadata><devices>", StringComparison.Ordinal);
    }

    private static async Task WriteOursAsync(string directory, DomainMoments state, CancellationToken cancellation)
    {
        foreach ((string relative, string? content) in new MomentStore(directory).Difference(DomainMoments.Empty, state).Files)
        {
            string path = Path.Combine(directory, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await File.WriteAllTextAsync(path, content, cancellation);
        }
    }

    // Before libvirtd starts: redefining thousands through virsh takes minutes.
    private async Task WriteTheirsAsync(string own, List<string> documents, CancellationToken cancellation)
    {
        string definitions = Path.Combine(own, "0", "qemu"), folder = Path.Combine(own, "1", "qemu", Noun, Machine.Name);
        Directory.CreateDirectory(definitions);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(definitions, Machine.Name + ".xml"), _domain, cancellation);
        for (int number = 0; number < documents.Count; number++)
            await File.WriteAllTextAsync(Path.Combine(folder, $"m{number:00000}.xml"), documents[number], cancellation);
    }
}
