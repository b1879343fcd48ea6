using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Layers;

public sealed class DependenciesTests
{
    [Fact]
    public async Task AnImageOfAnotherDomainThatCannotBeLookedAtIsADoubt()
    {
        using var scratch = new ScratchDirectory();
        File.CreateSymbolicLink(scratch["circle"], scratch["circle"]);
        string other = Path.Combine(scratch["state"], "domains", "other");
        Directory.CreateDirectory(other);
        await File.WriteAllTextAsync(Path.Combine(other, "domain.xml"), $"<domain><devices><disk><source file='{scratch["circle"]}'/></disk><disk><source file='{scratch["gone"]}'/></disk></devices></domain>");
        ImageGraph graph = await new Dependencies(new DomainCatalogue(scratch["state"], "")).ScanAsync(DomainMoments.Empty, CancellationToken.None);
        Assert.Equal([$"'{scratch["circle"]}' cannot be looked at"], graph.Doubts);
    }
}
