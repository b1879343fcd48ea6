using System.Diagnostics.CodeAnalysis;

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
        : base(Printable(message), inner)
    {
        ArgumentNullException.ThrowIfNull(id);
        ErrorId = id;
        Target = target;
        Advice = Printable(advice);
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

    // Sentences tell names that a stranger wrote into an image, or a peer sent: they must not speak to the terminal that they are printed at.
    [return: NotNullIfNotNull(nameof(text))]
    internal static string? Printable(string? text) =>
        text is not null && (text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.AsSpan().ContainsAnyInRange('\u007f', '\u009f'))
            ? string.Create(text.Length, text, (letters, from) =>
            {
                for (int at = 0; at < letters.Length; at++)
                    letters[at] = char.IsControl(from[at]) && from[at] is not ('\n' or '\t') ? '\ufffd' : from[at];
            })
            : text;
}
