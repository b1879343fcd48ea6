using System.Collections.ObjectModel;
using System.Management.Automation;
using MomentTools.Tests.House;

namespace MomentTools.Tests.Hosting;

/// <summary>Parameter sets and binding as PowerShell itself makes them of what the cmdlets declare.</summary>
[Collection(nameof(HostedCollection))]
public sealed class BindingTests : IDisposable
{
    private readonly HostedState _state = new();
    private readonly HostedModule _module;

    public BindingTests(HostedCollection hosted)
    {
        _module = hosted.Module;
        _state.Domain("web1").Checkpoint("monday").Snapshot("clean").Save();
        _state.Domain("web2").Checkpoint("tuesday").Save();
    }

    public static TheoryData<string> Cmdlets => [.. CmdletDeclaration.All.Select(cmdlet => cmdlet.Name)];

    public void Dispose() => _state.Dispose();

    [SkippableTheory]
    [InlineData("Get-VMCheckpoint web1")]
    [InlineData("Get-VMCheckpoint -VM web1")]
    [InlineData("Get-VMCheckpoint -VMName web1")]
    [InlineData("'web1' | Get-VMCheckpoint")]
    [InlineData("[pscustomobject]@{ VM = 'web1' } | Get-VMCheckpoint")]
    [InlineData("[pscustomobject]@{ VMName = 'web1' } | Get-VMCheckpoint")]
    [InlineData("Get-VMDomain web1 | Get-VMCheckpoint")]
    [InlineData("Get-VMCheckpoint (Get-VMDomain web1)")]
    [InlineData("Get-VMMoment web1 monday | Get-VMCheckpoint")]
    [InlineData("Get-VMCheckpoint web1 mon*")]
    [InlineData("Get-VMCheckpoint web[1] checkpoint:monday")]
    public void AMachineBindsInEveryWayTheSame(string script)
    {
        Collection<PSObject> found = _module.Run(script + " 3>$null");
        Assert.Equal("monday", Assert.IsType<VMCheckpoint>(Assert.Single(found).BaseObject).Name);
    }

    [SkippableFact]
    public void AMomentsNameNeverComesFromThePipeline()
    {
        // An object with a Name of its own: its machine is taken, and nothing else.
        Collection<PSObject> found = _module.Run("[pscustomobject]@{ VM = 'web1'; Name = 'clean' } | Get-VMMoment 3>$null");
        Assert.Equal(["monday", "clean"], found.Select(one => ((VMMoment)one.BaseObject).Name));
    }

    [SkippableFact]
    public void APipedMomentIsMeantInItsOwnMachine()
    {
        Assert.Empty(_module.Run("Get-VMCheckpoint web1, web2 3>$null | Remove-VMCheckpoint -WhatIf"));
        (_, IReadOnlyList<ErrorRecord> errors) = _module.Try("Get-VMChangedBlock web2 -Since (Get-VMCheckpoint web1 monday 3>$null)");
        Assert.Contains("web1", Assert.Single(errors).Exception.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(typeof(VMBlockSnapshot), "Start-VMBlockExport -Writable")]
    [InlineData(typeof(VMBlockSnapshot), "Start-VMBlockExport -ScratchDirectory /tmp")]
    [InlineData(typeof(VMBackup), "Start-VMBlockExport -Writable")]
    [InlineData(typeof(VMBackup), "Start-VMBlockExport -Since monday")]
    [InlineData(typeof(VMBackup), "Restore-VMBackup -Repository /repo -Destination /new")]
    [InlineData(typeof(VMMomentFinding), "Repair-VMMoment -Disk vda")]
    public void AnObjectIsNotTakenForAllOfItsMachine(Type type, string command)
    {
        (_, IReadOnlyList<ErrorRecord> errors) = _module.Try($"$args[0] | {command} -WhatIf", SampleResults.Of(type, lengthy: false));
        Assert.Matches("^(ParameterMissing|ParametersExclude),", Assert.Single(errors).FullyQualifiedErrorId);
    }

    [SkippableTheory]
    [MemberData(nameof(Cmdlets))]
    public void PowerShellSeesTheSetsThatAreDeclared(string name)
    {
        CmdletDeclaration declared = CmdletDeclaration.All.Single(cmdlet => cmdlet.Name == name);
        var command = (CmdletInfo)_module.Run("Get-Command $args[0]", name).Single().BaseObject;
        // The default set is one of them, and each has a way in: no two have the same parameters that must be given.
        string[] sets = [.. command.ParameterSets.Select(set => set.Name)];
        if (declared.DefaultSet is { } set)
            Assert.Contains(set, sets);
        Assert.NotEmpty(command.OutputType);
        foreach (CommandParameterSetInfo one in command.ParameterSets)
            Assert.Equal(one.Parameters.Where(parameter => parameter.Position >= 0).Select(parameter => parameter.Position).Distinct().Count(), one.Parameters.Count(parameter => parameter.Position >= 0));
        // Names and aliases of one command never clash: PowerShell would refuse to run it at all.
        IEnumerable<string> words = command.Parameters.Values.SelectMany(parameter => parameter.Aliases.Append(parameter.Name));
        Assert.Equal(words.Count(), words.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }
}
