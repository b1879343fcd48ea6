namespace MomentTools;

/// <summary>How a machine becomes known: by its definition, or by the monitor of one that somebody else started.</summary>
public sealed record RegisterDomainRequest
{
    /// <summary>The libvirt-style <c>&lt;domain&gt;</c> document, or null.</summary>
    public string? Xml { get; init; }

    /// <summary>What to call the document in messages: usually its path.</summary>
    public string? XmlSource { get; init; }

    /// <summary>The name, for a machine without a document.</summary>
    public string? Name { get; init; }

    /// <summary>The QMP monitor of a machine that somebody else starts: <c>unix:/path</c>, a path, or <c>tcp:host:port</c>.</summary>
    public string? Monitor { get; init; }

    /// <summary>Take the files that the machine's images name for its own, wherever they lie, and list them in its definition.</summary>
    public bool AcceptBacking { get; init; }

    /// <summary>Replace the definition of the domain that has this name and UUID already; its moments stay.</summary>
    public bool Update { get; init; }
}
