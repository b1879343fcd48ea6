namespace MomentTools.Operations.Health;

/// <summary>Findings of one domain, as they are made.</summary>
internal sealed class FindingList(string vm)
{
    public const string Error = "Error";
    public const string Warning = "Warning";
    public const string Information = "Information";

    private readonly List<VMMomentFinding> _findings = [];

    /// <summary>Whether somebody holds the domain's lock, so that what is temporary belongs to him.</summary>
    public bool Busy { get; init; }

    public IReadOnlyList<VMMomentFinding> All => _findings;

    /// <summary>The command that repairs, as it is typed for this domain.</summary>
    public string Repair => $"Repair-VMMoment {Vm}";

    /// <summary>The domain's name as it is typed.</summary>
    public string Vm => Word(vm);

    public void Add(string id, string severity, string text, string remedy, string? moment = null, string? disk = null, string? layer = null, string? file = null, IReadOnlyList<string>? bitmaps = null,
        string? branch = null) =>
        _findings.Add(new VMMomentFinding
        {
            Id = id, Severity = severity, VM = vm, Moment = moment, Disk = disk, Layer = layer, File = file, Bitmaps = bitmaps ?? [], Branch = branch, Text = Sentence(text), Remedy = Sentence(remedy),
        });

    private static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";

    /// <summary>A value as it is typed in PowerShell.</summary>
    public static string Word(string value) =>
        value.Length > 0 && value.All(c => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' or '/') && value[0] != '-' ? value : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>Names in quotes, as a sentence has them; long lists are cut.</summary>
    public static string Listed(IReadOnlyCollection<string> names)
    {
        const int most = 6;
        string list = string.Join(", ", names.Take(most).Select(name => $"'{name}'"));
        return names.Count <= most ? list : $"{list} and {names.Count - most} more";
    }
}
