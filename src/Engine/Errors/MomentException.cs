namespace MomentTools.Errors;

/// <summary>
/// The one exception of the engine. Its message says what was tried, on what, and why it failed;
/// <see cref="Advice"/> says what to do now.
/// </summary>
public sealed class MomentException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="id">The stable id of the cause.</param>
    /// <param name="message">What was tried, on what, and why it failed: whole sentences.</param>
    /// <param name="target">The name of the thing it is about: a domain, a moment, a disk, a file, an address.</param>
    /// <param name="advice">What the user can do now: whole sentences.</param>
    /// <param name="inner">The failure underneath, kept whole.</param>
    public MomentException(ErrorId id, string message, string? target = null, string? advice = null, Exception? inner = null)
        : base(message, inner)
    {
        ArgumentNullException.ThrowIfNull(id);
        ErrorId = id;
        Target = target;
        Advice = advice;
    }

    /// <summary>The stable id of the cause.</summary>
    public ErrorId ErrorId { get; }

    /// <summary>The kind of failure.</summary>
    public ErrorKind Kind => ErrorId.Kind;

    /// <summary>The name of the thing the error is about, or null.</summary>
    public string? Target { get; }

    /// <summary>What to do now, or null where the message says it all.</summary>
    public string? Advice { get; }

    /// <summary>What QEMU called the class of its error (QMP's <c>error.class</c>), or null.</summary>
    public string? PeerErrorClass { get; init; }

    /// <summary>The peer's error number (NBD errno, errno of the system), or null.</summary>
    public int? PeerErrorNumber { get; init; }
}
