using System.Text;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>Journals of every operation, damaged: what is still decided is finished, and nothing outside the domain's directory is written by that.</summary>
internal sealed class JournalTarget : IFuzzTarget
{
    private readonly ScratchDirectory _scratch = new();
    private readonly string[] _corpus;

    public JournalTarget()
    {
        using var machine = new RealMachine();
        _corpus = [.. machine.Journals];
    }

    public string Name => "journal";

    public int Inputs => 1200;

    public long MostBytes => 16 << 20;

    private string Domain => _scratch["domain"];

    public FuzzInput Make(Random random)
    {
        string[] lines = _corpus[random.Next(_corpus.Length)].Split('\n');
        int number = random.Next(lines.Length - 1);
        lines[number] = JsonDamage.Of(lines[number], random);
        string text = string.Join('\n', lines);
        if (random.Next(4) == 0)
            text = text.Replace("checkpoints/", random.Next(2) == 0 ? "../" : "checkpoints/../../", StringComparison.Ordinal).Replace("disks.xml", _scratch["outside.xml"], StringComparison.Ordinal);
        return new FuzzInput(Encoding.UTF8.GetBytes(text));
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        if (Directory.Exists(Domain))
            Directory.Delete(Domain, recursive: true);
        Directory.CreateDirectory(Path.Combine(Domain, "journal"));
        File.WriteAllBytes(Path.Combine(Domain, "journal", "x.jsonl"), input.Whole);
        foreach (JournalEntry entry in Journal.Pending(Domain))
        {
            if (entry.Commit is not null)
                Journal.Redo(Domain, entry);
        }

        string[] outside = Directory.GetFileSystemEntries(_scratch.Path);
        FuzzFailure.When(outside.Length != 1, $"written outside the domain's directory: {string.Join(", ", outside)}");
        return Task.FromResult(true);
    }

    public void Dispose() => _scratch.Dispose();
}
