using System.Reflection;
using MomentTools.Cmdlets;
using MomentTools.Cmdlets.Jobs;

namespace MomentTools.Tests.House;

/// <summary>What can be done in a job can be so in the one way.</summary>
public sealed class LongOperationTests
{
    private static readonly Type[] Long = [.. typeof(MomentCmdlet).Assembly.GetTypes().Where(type => type is { IsAbstract: false } && type.IsAssignableTo(typeof(ILongOperation)))];

    public static TheoryData<string> Names => [.. CmdletDeclaration.All.Where(cmdlet => cmdlet.Parameters.Any(parameter => parameter.Name == "AsJob")).Select(cmdlet => cmdlet.Name)];

    [Fact]
    public void AllThatHaveTheParameterAreOne() => Assert.Equal(Names.Cast<object>().Count(), Long.Length);

    // The base class takes what is piped, and starts the job at the end: a class with methods of its own there would do the work in the foreground.
    // What looks at the line before all else calls the base class first, as a job that is made in the tests of each command shows.
    [Fact]
    public void NoneOverridesWhatTheJobStandsOn() => Assert.Empty(
        from type in Long
        from name in new[] { "ProcessRecord", "EndProcessing" }
        let method = type.GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic)!
        where method.DeclaringType != typeof(MomentCmdlet)
        select $"{type.Name}.{name}");

    [Theory]
    [MemberData(nameof(Names))]
    public void TheParameterIsTheSameEverywhereAndTheJobIsSaidToComeOut(string name)
    {
        CmdletDeclaration cmdlet = CmdletDeclaration.All.Single(cmdlet => cmdlet.Name == name);
        CmdletParameter parameter = cmdlet.Parameters.Single(parameter => parameter.Name == "AsJob");
        Assert.Equal("-AsJob <switch> (RunAsync); all sets", parameter.ToString());
        Assert.Contains(nameof(MomentJob), cmdlet.Outputs);
    }
}
