namespace MomentTools;

/// <summary>What is to be served over NBD, where, and to whom.</summary>
public sealed record StartBlockExportRequest
{
    /// <summary>The disks; empty means all of the block snapshot, the machine or the backup.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>The block snapshot to serve; null: of a running machine one is made for the export, and goes with it.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The moment since which the changed blocks shall be told, as a dirty bitmap context, or null.</summary>
    public string? Since { get; init; }

    /// <summary>Where to listen (<c>unix:///PATH</c>, <c>tcp://HOST:PORT</c>; port 0 for a free one); null for a socket of ours.</summary>
    public string? Address { get; init; }

    /// <summary>The export's name by disk; disks that are not in it get their own name.</summary>
    public IReadOnlyDictionary<string, string> ExportNames { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The absolute path of the directory with the server's certificates, laid out as QEMU's tls-creds-x509 wants it, or null.</summary>
    public string? TlsX509 { get; init; }

    /// <summary>The absolute path of the directory with <c>keys.psk</c>, or null.</summary>
    public string? TlsPsk { get; init; }

    /// <summary>Listen without TLS even where every host can reach the address.</summary>
    public bool AllowUnencrypted { get; init; }

    /// <summary>How many clients may be connected at once, or null for as many as want.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>Clients may write to the disks themselves: for restores, where nothing else uses them.</summary>
    public bool Writable { get; init; }

    /// <summary>How long it lives if nobody stops it before, or null: as long as its owner.</summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>It ends with the calling process.</summary>
    public bool OwnedBySession { get; init; }

    /// <summary>The absolute path of the backup repository, to serve one of its backups, or null.</summary>
    public string? Repository { get; init; }

    /// <summary>The id of the backup to serve, or null.</summary>
    public string? BackupId { get; init; }

    /// <summary>The absolute path of the directory for the scratch files of a block snapshot that is made for the export; null for beside each image.</summary>
    public string? ScratchDirectory { get; init; }

    /// <summary>The most bytes that the scratch file of each disk may take, or null: what the file system has.</summary>
    public long? ScratchLimit { get; init; }

    /// <summary>A <c>&lt;domainblockexport&gt;</c> document instead of address, disks, names and moment, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>The file with the document, in place of <see cref="Xml"/>, or null.</summary>
    public string? XmlPath { get; init; }
}
