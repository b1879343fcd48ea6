using System.Text;
using MomentTools.Machines;
using MomentTools.Tests.Machines;
using MomentTools.Tests.Xml;
using MomentTools.Xml;

namespace MomentTools.Fuzz.Targets;

/// <summary>Definitions of machines and the command lines made of them: none has an argument that ends in its middle.</summary>
internal sealed class LaunchTarget : IFuzzTarget
{
    private static readonly string[] Sound = [SampleXml.Domain, LaunchSamples.Modern, LaunchSamples.Classic, LiveSample.Xml];

    public string Name => "launch";

    public int Inputs => 4000;

    public long MostBytes => 8 << 20;

    public FuzzInput Make(Random random) => new(Encoding.UTF8.GetBytes(XmlDamage.Of(Sound[random.Next(Sound.Length)], random)));

    public Task<bool> ReadAsync(FuzzInput input)
    {
        DomainDocument domain = DomainDocument.Parse(Encoding.UTF8.GetString(input.Whole), "it");
        (string, ImageLayer[])[] disks = [.. domain.Disks.Select(disk => (disk.Target, (ImageLayer[])[LaunchSamples.Top(disk.Target, "/i")]))];
        QemuCommandLine line = QemuCommandLine.Build(domain, LaunchSamples.Runtime(disks));
        foreach (string argument in line.Arguments.Append(line.Emulator).Concat(line.Environment.Keys).Concat(line.Environment.Values))
            FuzzFailure.When(argument.Contains('\0', StringComparison.Ordinal), $"an argument ends in its middle: {Uri.EscapeDataString(argument)}");
        FuzzFailure.When(!line.Arguments.Contains("-daemonize"), "the machine is not started in the background");
        return Task.FromResult(true);
    }

    public void Dispose()
    {
    }
}
