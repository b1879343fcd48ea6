using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Tests.Operations;

/// <summary>Files of moments whose parents are wrong: listed all the same, and each is named.</summary>
public sealed class BrokenParentsTests
{
    [SkippableFact]
    public async Task AMomentWhoseParentsFileIsGoneIsListedAndNamed()
    {
        await using TestMachine machine = await PastAsync();
        File.Delete(PathOf(machine, "b"));
        MomentException failure = await AssertListedAsync(machine, MomentErrors.MomentParentMissing, "a", "c");
        Assert.Contains("checkpoint:b, does not exist", failure.Message, StringComparison.Ordinal);
        Assert.Equal("c", failure.Target);
    }

    [SkippableFact]
    public async Task ParentsInACircleAreListedAndNamed()
    {
        await using TestMachine machine = await PastAsync();
        string first = File.ReadAllText(PathOf(machine, "a"));
        string parent = "<parent><name>c</name></parent>";
        File.WriteAllText(PathOf(machine, "a"), first.Replace("</name>", "</name>" + parent, StringComparison.Ordinal));
        MomentException failure = await AssertListedAsync(machine, MomentErrors.MomentParentCycle, "a", "b", "c");
        Assert.Contains("back to itself", failure.Message, StringComparison.Ordinal);
        Assert.Equal("a", failure.Target);
    }

    private static async Task<TestMachine> PastAsync()
    {
        TestMachine machine = await TestMachine.CreateAsync();
        foreach (string name in (string[])["a", "b", "c"])
            await machine.CheckpointAsync(name);
        return machine;
    }

    private static string PathOf(TestMachine machine, string name) => Path.Combine(machine.StateDirectory, "checkpoints", name + ".xml");

    private static async Task<MomentException> AssertListedAsync(TestMachine machine, ErrorId id, params string[] names)
    {
        Assert.Equal(names, (await machine.MomentsAsync()).Select(moment => moment.Name).Order(StringComparer.Ordinal));
        MomentException failure = Assert.Single(machine.Report.Failures, failure => failure.ErrorId == id);
        Assert.Contains("Repair-VMMoment", failure.Advice, StringComparison.Ordinal);
        return failure;
    }
}
