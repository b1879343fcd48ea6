using System.Management.Automation;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Errors;

namespace MomentTools.Tests.Hosting;

/// <summary>What a script sees of an error: the id, the category, the object, and what to do now.</summary>
[Collection(nameof(HostedCollection))]
public sealed class ErrorRecordTests(HostedCollection hosted) : IDisposable
{
    private readonly HostedState _state = new();

    public static TheoryData<ErrorKind> Kinds => [.. Enum.GetValues<ErrorKind>()];

    public void Dispose() => _state.Dispose();

    [SkippableFact]
    public void AnErrorHasItsIdCategoryTargetAndAdvice()
    {
        _state.Domain("web1").Checkpoint("monday").Save();
        ErrorRecord error = Assert.Single(hosted.Module.Try("Get-VMMoment web11").Errors);
        Assert.Equal("VMNotFound,MomentTools.Cmdlets.GetVMMomentCommand", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ObjectNotFound, error.CategoryInfo.Category);
        Assert.Equal("web11", error.TargetObject);
        Assert.Contains("web1", error.Exception.Message + error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        Assert.IsType<MomentException>(error.Exception);
    }

    [SkippableFact]
    public void OneThatFailsStopsNoneOfTheOthers()
    {
        _state.Domain("web1").Checkpoint("monday").Save();
        _state.Domain("web2").Checkpoint("tuesday").Save();
        (IReadOnlyCollection<PSObject> output, IReadOnlyList<ErrorRecord> errors) = hosted.Module.Try("'web1', 'nosuch', 'web2' | Get-VMCheckpoint 3>$null");
        Assert.Equal(["monday", "tuesday"], output.Select(one => ((VMCheckpoint)one.BaseObject).Name));
        Assert.Equal("nosuch", Assert.Single(errors).TargetObject);
    }

    [SkippableFact]
    public void ErrorActionStopEndsTheScriptWithTheSameError()
    {
        ErrorRecord error = hosted.Module.Try("try { Get-VMMoment nosuch -ErrorAction Stop } catch { $_.FullyQualifiedErrorId; throw }").Errors[^1];
        Assert.Equal("VMNotFound,MomentTools.Cmdlets.GetVMMomentCommand", error.FullyQualifiedErrorId);
        Assert.Equal("caught VMNotFound", hosted.Module.Run("try { Get-VMMoment nosuch -ErrorAction Stop } catch [MomentTools.Errors.MomentException] { \"caught $($_.Exception.ErrorId.Name)\" }").Single().BaseObject);
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void EveryKindHasACategoryAndPrintsMessageAndAdvice(ErrorKind kind)
    {
        PowerShellAssemblies.Require();
        ErrorRecord record = new MomentException(new ErrorId("SomeError", kind), "It was tried and failed.", "the thing", "Do something else.").ToErrorRecord();
        Assert.NotEqual(ErrorCategory.NotSpecified, record.CategoryInfo.Category);
        Assert.Equal("the thing", record.TargetObject);
        foreach (string view in (string[])["ConciseView", "DetailedView"])
        {
            string shown = (string)hosted.Module.Run("& { $ErrorView = $args[1]; try { throw $args[0] } catch { $_ | Out-String -Width 200 } } @args", record, view).Single().BaseObject;
            Assert.Contains("It was tried and failed.", shown, StringComparison.Ordinal);
            if (view == "DetailedView")
                Assert.Contains("Do something else.", shown, StringComparison.Ordinal);
        }
    }
}
