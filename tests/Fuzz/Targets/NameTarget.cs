using System.Text;
using MomentTools.Moments;
using MomentTools.Nbd;
using MomentTools.Operations.Backups;
using MomentTools.Qmp;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Fuzz.Targets;

/// <summary>What is typed at the prompt or stands in a file's name: addresses, URIs, names, patterns and ids.</summary>
internal sealed class NameTarget : IFuzzTarget
{
    private static readonly string[] Sound =
    [
        "nbd://[::1]:10809/vda%20x?tls-certificates=/c", "nbds+unix:///vda?socket=/run/a%2Fb&tls-hostname=h", "tcp://127.0.0.1:0", "unix:///run/x", "unix:/run/x.qmp", "tcp:[fe80::1%25eth0]:4444",
        "checkpoint:mon*", "snapshot:[a-c]?`*", "a*a*a*a*a*b", "20261121T100000-0001a", "web1", "mt-x", "..",
    ];

    private static readonly string[] Spare = ["*", "?", "[", "]", "`", "-", ":", "/", "//", "@", "#", "%", "%00", "%zz", "%C3", "\0", "\ud800", "é", "..", "65536", "-1", "99999999999", "&", "=", "checkpoint:", "nbd://", "[::", new string('*', 200), new string('a', 300)];

    public string Name => "names";

    public int Inputs => 20_000;

    public long MostBytes => 1 << 20;

    public FuzzInput Make(Random random) =>
        new([(byte)random.Next(6), .. Encoding.UTF8.GetBytes(XmlMutation.Of(Sound[random.Next(Sound.Length)], random, Spare))]);

    public Task<bool> ReadAsync(FuzzInput input)
    {
        string text = Encoding.UTF8.GetString(input.Whole.AsSpan(1));
        return Task.FromResult(input.Whole[0] switch
        {
            0 => NbdUri.Parse(text) is not null,
            1 => NbdAddress.Parse(text) is { } address && Same(address, NbdAddress.Parse(address.ToString()!)),
            2 => QmpAddress.Parse(text) is not null,
            3 => !new WildcardPattern(text).IsMatch(new string('a', 2000)) || text.Contains('*', StringComparison.Ordinal) || Match(text),
            4 => !BackupId.IsValid(text) || BackupId.TimeOf(text) is not null || Wrong($"the id {text} has no time"),
            _ => IsFileName(text),
        });
    }

    public void Dispose()
    {
    }

    private static bool Same(NbdAddress address, NbdAddress again) => address.Equals(again) || Wrong($"{address} is read again as {again}");

    private static bool Match(string text) => text.Length >= 2000 || Wrong($"'{text}' matches a text that is longer");

    // What a rule lets pass becomes a file's name.
    private static bool IsFileName(string text)
    {
        foreach (string? rule in (string?[])[MomentNames.CheckpointRule(text), MomentNames.SnapshotRule(text), MomentNames.BranchRule(text), MomentNames.DomainRule(text)])
        {
            if (rule is null && (text is "" or "." or ".." || text.AsSpan().IndexOfAny('/', '\0', '\n') >= 0 || text[0] == '.' || Encoding.UTF8.GetByteCount(text) > 250))
                return Wrong($"the name {Uri.EscapeDataString(text)} is allowed");
        }

        return MomentNames.SnapshotRule(text) is null;
    }

    private static bool Wrong(string message) => throw new FuzzFailure(message);
}
