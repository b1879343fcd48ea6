using System.Collections;
using System.Management.Automation;
using MomentTools.Cmdlets.Jobs;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Cmdlets.Views;
using MomentTools.Errors;

namespace MomentTools.Cmdlets;

/// <summary>What all cmdlets share: the engine, the way Ctrl-C reaches it, and the way its errors reach the pipeline.</summary>
public abstract class MomentCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private MomentEngine? _engine;
    // In the foreground, where a job is to be started; and in the job.
    private JobStart? _start;
    private JobAgreement? _agreed;

    private protected MomentEngine Engine => _engine ??= new MomentEngine();

    /// <summary>It is only asked what would be done: by the command, or by the session that it is in.</summary>
    internal bool IsWhatIf => LanguagePrimitives.IsTrue(MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? given) ? given : GetVariableValue("WhatIfPreference"));

    /// <summary>Gives back what the cmdlet holds.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the cmdlet holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            _stop.Dispose();
    }

    /// <summary>Looks whether a job is to be made, or this is one.</summary>
    protected override void BeginProcessing()
    {
        if (this is not ILongOperation operation)
            return;
        _agreed = SessionState.PSVariable.GetValue(JobSession.AgreementVariable) as JobAgreement;
        _engine = _agreed?.Engine;
        if (operation.AsJob)
            _start = new JobStart(this, Engine);
    }

    /// <summary>Does the work for one thing; where a job is to be made, as far as it takes to ask.</summary>
    protected override void ProcessRecord()
    {
        _start?.Take(MyInvocation.BoundParameters);
        if (_start is not { Asks: false })
            Process();
    }

    /// <summary>Does the work for all that came, and starts the job.</summary>
    protected override void EndProcessing()
    {
        if (_start is not { Asks: false })
            Conclude();
        if (_start?.Make() is not { } job)
            return;
        JobRepository.Add(job);
        job.Start();
        base.WriteObject(job);
    }

    /// <summary>The work for what one thing of the pipeline, or the line, means.</summary>
    private protected virtual void Process()
    {
    }

    /// <summary>The work for all that came together.</summary>
    private protected virtual void Conclude()
    {
    }

    /// <summary>Asks whether to do it. Before a job the answer is kept, and nothing is done; in the job it is the kept one.</summary>
    private protected new bool ShouldProcess(string target, string action) => ShouldProcess(target, action, null);

    /// <param name="target">What it is done to.</param>
    /// <param name="action">What is done.</param>
    /// <param name="means">What is agreed to with it, where the action's words say more: a job may come to less of it, and to nothing else.</param>
    private protected bool ShouldProcess(string target, string action, IReadOnlyCollection<string>? means) => ShouldProcess(target, action, means, out _);

    /// <param name="target">What it is done to.</param>
    /// <param name="action">What is done.</param>
    /// <param name="means">What is agreed to with it, where the action's words say more.</param>
    /// <param name="later">It is not done here, but the job will do it, or the command without -WhatIf would.</param>
    private protected bool ShouldProcess(string target, string action, IReadOnlyCollection<string>? means, out bool later)
    {
        later = false;
        if (_agreed is not null)
            return _agreed.Allows(target, action, means);
        bool agreed = base.ShouldProcess(PlainText.Of(target), PlainText.Of(action));
        _start?.Agreement.Answered(target, action, agreed, means);
        later = IsWhatIf || agreed && _start is not null;
        return agreed && _start is null;
    }

    /// <summary>Gives a result; before a job there is none but the job.</summary>
    private protected new void WriteObject(object? result)
    {
        if (_start is null)
            base.WriteObject(result);
    }

    /// <summary>Gives results; before a job there are none but the job.</summary>
    private protected new void WriteObject(object? result, bool enumerateCollection)
    {
        if (_start is null)
            base.WriteObject(result, enumerateCollection);
    }

    /// <summary>Writes an error; what was written before a job is not written in it again.</summary>
    internal new void WriteError(ErrorRecord error)
    {
        _start?.Agreement.Failed(error.Exception.Message);
        if (_agreed is null || !_agreed.WasSaid(error.Exception.Message))
            base.WriteError(error);
    }

    /// <summary>Warns; what was said before a job is not said in it again.</summary>
    internal new void WriteWarning(string text)
    {
        _start?.Agreement.Said(text);
        if (_agreed is null || !_agreed.WasSaid(text))
            base.WriteWarning(PlainText.Of(text));
    }

    /// <summary>Tells what is done.</summary>
    internal new void WriteVerbose(string text) => base.WriteVerbose(PlainText.Of(text));

    /// <summary>Ctrl-C, on another thread: asks the running operation to end. The pipeline's thread waits until it has.</summary>
    protected sealed override void StopProcessing()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The cmdlet ended in the same moment: there is nothing left to stop.
        }
    }

    /// <summary>Runs an operation of the engine to its end and gives its result; what it reports goes to this cmdlet's streams.</summary>
    private protected T Run<T>(Func<IOperationReport, CancellationToken, Task<T>> operation)
    {
        var pump = new PipelinePump();
        var report = new PipelineReport(this, pump);
        try
        {
            return pump.Run(cancellation => operation(report, cancellation), _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        finally
        {
            report.Complete();
        }
    }

    private protected void Run(Func<IOperationReport, CancellationToken, Task> operation) =>
        Run(async (report, cancellation) =>
        {
            await operation(report, cancellation);
            return true;
        });

    /// <summary>
    /// Does what has to be done however the command ends: neither Ctrl-C nor a pipeline that takes nothing more stops it. What it reports is
    /// told at its end, as far as anybody listens.
    /// </summary>
    private protected void Finish(Func<IOperationReport, CancellationToken, Task> operation)
    {
        var report = new LateReport(this);
        try
        {
            Task.Run(() => operation(report, CancellationToken.None)).GetAwaiter().GetResult();
        }
        finally
        {
            Tell(report.Write);
        }
    }

    /// <summary>Says something to a pipeline that may have been stopped.</summary>
    private protected static void Tell(Action write)
    {
        try
        {
            write();
        }
        catch (PipelineStoppedException)
        {
            // Nobody listens any more.
        }
    }

    /// <summary>Does one item's work; if it fails, the error is written and the next item has its turn.</summary>
    private protected void Attempt(object? target, Action work)
    {
        try
        {
            work();
        }
        catch (MomentException failure)
        {
            WriteError(failure.ToErrorRecord(target));
        }
    }

    /// <summary>Does the work for each domain that the references mean.</summary>
    private protected void ForEachDomain(IEnumerable<VMReference> references, Action<string> work)
    {
        foreach (VMReference reference in references)
        {
            Attempt(reference.Name, () =>
            {
                foreach (string vm in reference.Resolve(Engine))
                    Attempt(vm, () => work(vm));
            });
        }
    }

    /// <summary>Names with their kind, as -WhatIf and -Confirm show them; long lists are cut.</summary>
    private protected static string Listed(IReadOnlyCollection<string> names)
    {
        const int most = 12;
        string list = string.Join(", ", names.Take(most));
        return names.Count <= most ? list : $"{list} and {names.Count - most} more";
    }

    /// <summary>A path as .NET understands it, from one that is relative to PowerShell's location; it need not exist.</summary>
    private protected string FilePath(string path)
    {
        string full = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        return provider.Name == "FileSystem" ? full : throw CmdletErrors.NoFilePath(path, provider.Name);
    }

    /// <summary>The files of a table like @{ vda = './a.qcow2' }, by disk.</summary>
    private protected Dictionary<string, string> FilesByDisk(Hashtable given, Func<string, MomentException> withoutFile)
    {
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach (DictionaryEntry one in given)
        {
            string disk = GivenValue.Text(one.Key), file = GivenValue.Text(one.Value);
            files[disk] = file.Length > 0 ? FilePath(file) : throw withoutFile(disk);
        }

        return files;
    }
}
