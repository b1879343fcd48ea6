using System.Xml.Linq;
using Microsoft.Win32.SafeHandles;

namespace MomentTools.Xml;

/// <summary>Reads the heads of thousands of files, one after the other, with one buffer. Not for two threads at a time.</summary>
/// <param name="skip">Children of the root that are left out.</param>
/// <param name="stopAfter">The child of the root to stop after.</param>
internal sealed class HeadReader(IReadOnlyCollection<XName> skip, XName stopAfter)
{
    // A head of ours has a kilobyte or two; of a file with a longer one the other reader takes care.
    private readonly byte[] _buffer = new byte[32 << 10];

    private readonly PlainNames _names = new();

    /// <summary>
    /// The head of a file as this module writes it, without lines; null for everything else, in which <see cref="Read"/> then finds what is
    /// wrong with it, if anything.
    /// </summary>
    public XElement? ReadPlain(string path)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            long length = RandomAccess.GetLength(file);
            int wanted = (int)Math.Min(length, _buffer.Length);
            if (length is 0 or > XmlSource.MaxBytes || RandomAccess.Read(file, _buffer.AsSpan(0, wanted), 0) != wanted)
                return null;
            return PlainXml.ReadHead(_buffer.AsSpan(0, wanted), whole: wanted == length, _names, skip, stopAfter);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The head of any file, with lines.</summary>
    public XElement Read(string path) => XmlSource.ReadHead(path, skip, stopAfter).Root!;
}
