using System.Text;
using System.Text.RegularExpressions;

namespace MomentTools.Cmdlets;

/// <summary>Puts documents together that come through the pipeline whole, or line by line as a native program's output does.</summary>
internal sealed partial class PipedDocuments
{
    private readonly List<string> _whole = [];
    private readonly StringBuilder _open = new();
    private string? _root;
    private int _depth;

    /// <summary>The documents in these texts.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<string> texts)
    {
        var documents = new PipedDocuments();
        foreach (string text in texts)
            documents.Add(text);
        return documents.All();
    }

    /// <summary>Takes a document or a line of one.</summary>
    public void Add(string text)
    {
        _open.Append(text).Append('\n');
        foreach (Match tag in Tags().Matches(text))
        {
            string name = tag.Groups["name"].Value;
            _root ??= name;
            // A domain may be inside of what it is the root of: only the root's own tags count.
            if (name == _root)
                _depth += tag.Groups["end"].Success ? -1 : 1;
        }

        if (_root is not null && _depth <= 0)
            Close();
    }

    /// <summary>All documents; what is left open is one too, so that its fault is told.</summary>
    public IReadOnlyList<string> All()
    {
        if (!string.IsNullOrWhiteSpace(_open.ToString()))
            Close();
        return _whole;
    }

    private void Close()
    {
        _whole.Add(_open.ToString());
        _open.Clear();
        _root = null;
        _depth = 0;
    }

    [GeneratedRegex(@"<(?<end>/)?(?<name>domaincheckpoint|domainsnapshot|domain)(?=[\s>])", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Tags();
}
