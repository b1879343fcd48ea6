namespace MomentTools;

/// <summary>A branch to be made without going there.</summary>
public sealed record CreateBranchRequest
{
    /// <summary>Its name, or null: the document says it.</summary>
    public string? Name { get; init; }

    /// <summary>The snapshot that it begins at, or null: the document says it.</summary>
    public string? From { get; init; }

    /// <summary>The user's words about it.</summary>
    public string? Description { get; init; }

    /// <summary>A <c>&lt;domainsnapshot&gt;</c> that names the snapshot and, in <c>&lt;branch&gt;</c>, the branch; null where the request itself does.</summary>
    public string? Xml { get; init; }
}
