using System.Reflection;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Tests.Operations;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Fuzzing;

/// <summary>A journal of any operation whose intent lacks everything, or has everything of another kind: it is undone or refused by name, and nothing else comes out.</summary>
public sealed class DamagedIntentTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public static TheoryData<string> Operations =>
    [
        .. typeof(Journal).Assembly.GetTypes()
            .Select(type => type.GetField("Operation", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(named => named is { IsLiteral: true }).Select(named => (string)named!.GetRawConstantValue()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task EndsInAnErrorOfOurs(string operation)
    {
        DomainDocument domain = DomainDocument.Parse("<domain type='qemu'><name>web1</name><uuid>6f1b2a6e-3c1d-4a55-9a9e-0d6f3a0c1b11</uuid><memory>65536</memory><os><type>hvm</type></os></domain>", "it");
        foreach (string intent in (string[])["{}", """{"steps":1,"group":2,"disks":3,"commit":4,"branch":5,"names":6,"files":7,"layers":8,"turn":9,"snapshot":10,"record":11}""", """{"steps":[{}],"disks":[{}],"files":[null]}"""])
        {
            Directory.CreateDirectory(_scratch["state/domains/web1/journal"]);
            string journal = _scratch["state/domains/web1/journal/0123456789ab.jsonl"];
            await File.WriteAllTextAsync(journal, $$"""{"operation":"{{operation}}","process":1,"started":"2026-11-21T10:00:00Z","intent":{{intent}}}""" + "\n");
            Exception? end = await Record.ExceptionAsync(() => Recovery.RunAsync(
                new DomainPlace("web1", _scratch["state/domains/web1"], _scratch["run"]), domain, new TestReport(), CancellationToken.None));
            Assert.True(end is null or MomentException, end?.ToString());
        }
    }
}
