using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace MomentTools.Operations.Metadata;

/// <summary>SHA-256 of what an element says: names, attributes and text in order, but not how it is laid out or which prefix it uses.</summary>
internal static class ElementDigest
{
    /// <param name="except">The attribute of the element that holds the digest.</param>
    public static string Of(XElement element, string except)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, element, except);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Add(IncrementalHash hash, XElement element, string? except)
    {
        Add(hash, '<', element.Name.ToString());
        foreach (XAttribute attribute in element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration && attribute.Name.ToString() != except)
            .OrderBy(attribute => attribute.Name.ToString(), StringComparer.Ordinal))
        {
            Add(hash, '@', attribute.Name.ToString());
            Add(hash, '=', attribute.Value);
        }

        if (element.HasElements)
            foreach (XElement child in element.Elements())
                Add(hash, child, null);
        else
            Add(hash, '#', element.Value);
        Add(hash, '>', "");
    }

    // With its length in front no text can pass for another.
    private static void Add(IncrementalHash hash, char kind, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(Encoding.UTF8.GetBytes($"{kind}{bytes.Length}:"));
        hash.AppendData(bytes);
    }
}
