namespace MomentTools;

/// <summary>One disk that is served over NBD at one address.</summary>
public sealed record VMBlockExport
{
    /// <summary>The machine's name.</summary>
    public required string VM { get; init; }

    /// <summary>The disk's name.</summary>
    public required string Disk { get; init; }

    /// <summary>The export's name in the NBD protocol.</summary>
    public required string ExportName { get; init; }

    /// <summary>What NBD clients take: address and export name as the NBD URI specification writes them.</summary>
    public required Uri Uri { get; init; }

    /// <summary>The id of the exports that were started together.</summary>
    public required string Id { get; init; }

    /// <summary>The block snapshot that is served, or null: the disk of a stopped machine, of a backup, or a writable one.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The moment since which the changed blocks can be asked for, or null.</summary>
    public string? Since { get; init; }

    /// <summary>The metadata context that tells the changed blocks (<c>qemu:dirty-bitmap:NAME</c>), or null.</summary>
    public string? Context { get; init; }

    /// <summary>All metadata contexts that the export offers.</summary>
    public IReadOnlyList<string> Contexts { get; init => field = Indexed.Of(value); } = [];

    /// <summary>How many bytes the export has.</summary>
    public required long Size { get; init; }

    /// <summary>Whether clients may write to it.</summary>
    public bool Writable { get; init; }

    /// <summary>How many clients are connected to the address now.</summary>
    public int Clients { get; init; }

    /// <summary>Where the server listens: <c>unix:///PATH</c> or <c>tcp://HOST:PORT</c>.</summary>
    public required string ListenAddress { get; init; }

    /// <summary>Whether only encrypted connections are accepted.</summary>
    public bool Tls { get; init; }

    /// <summary>Whether it can be read.</summary>
    public VMServiceState State { get; init; }

    /// <summary>Why it cannot be read, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>With whose end it ends.</summary>
    public VMServiceOwner Owner { get; init; }

    /// <summary>When it ends by itself, or null.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>When it was started.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The id of the backup that is served, or null.</summary>
    public string? Backup { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Uri.ToString();
}
