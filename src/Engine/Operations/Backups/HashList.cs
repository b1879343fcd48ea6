using System.Collections;

namespace MomentTools.Operations.Backups;

/// <summary>The chunk hashes of a manifest that was read, as bytes: a disk of a terabyte has hundreds of thousands, and a repository many such disks.</summary>
/// <param name="bytes">One hash after the other.</param>
internal sealed class HashList(byte[] bytes) : IReadOnlyList<string>
{
    /// <summary>Bytes of one hash.</summary>
    public const int Width = FileHashes.Digits / 2;

    public int Count => bytes.Length / Width;

    public string this[int index] => Convert.ToHexStringLower(bytes.AsSpan(checked(index * Width), Width));

    public IEnumerator<string> GetEnumerator()
    {
        for (int index = 0; index < Count; index++)
            yield return this[index];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
