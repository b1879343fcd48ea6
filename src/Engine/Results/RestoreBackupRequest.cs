namespace MomentTools;

/// <summary>What to restore, and where to.</summary>
public sealed record RestoreBackupRequest
{
    /// <summary>The repository's directory.</summary>
    public required string Repository { get; init; }

    /// <summary>The machine's UUID, where it is known: its name may mean another machine by now.</summary>
    public Guid? Uuid { get; init; }

    /// <summary>The backup's id, or null for the newest.</summary>
    public string? Id { get; init; }

    /// <summary>In place of an id: the newest backup whose instant is not behind this one.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The directory for the new files; made if it does not exist. Existing files are never overwritten. Null only where the machine is restored in place.</summary>
    public string? Destination { get; init; }

    /// <summary>The name of a new domain, with a UUID and addresses of its own, that gets the disks; null for none.</summary>
    public string? AsDomain { get; init; }

    /// <summary>Write what differs into the disks of the stopped machine.</summary>
    public bool InPlace { get; init; }

    /// <summary>Start the new domain at once, on overlays that stand on the backup.</summary>
    public bool Instant { get; init; }

    /// <summary>Copy the content into the overlays while the new domain runs, so that it needs the repository no longer.</summary>
    public bool Move { get; init; }

    /// <summary>Take the backup's definition for one's own: it may run programs, give QEMU arguments and name files of this host. Else a new domain gets what an installed QEMU needs, or what the registered machine of its UUID has.</summary>
    public bool TrustDefinition { get; init; }

    /// <summary>The disks; empty means all.</summary>
    public IReadOnlyList<string> Disks { get; init; } = [];

    /// <summary>"qcow2" or "raw".</summary>
    public string Format { get; init; } = "qcow2";
}
