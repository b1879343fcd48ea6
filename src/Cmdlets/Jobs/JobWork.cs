using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>The command of a job: which, with what, and in which session.</summary>
internal sealed record JobWork(string Command, Type Implementation, IReadOnlyDictionary<string, object?> Parameters, PSDataCollection<PSObject>? Input, JobSession Session)
{
    public Runspace Open() => Session.Open(Command, Implementation);

    public void AddTo(PowerShell shell)
    {
        shell.AddCommand(Command);
        foreach ((string name, object? value) in Parameters)
            shell.AddParameter(name, value);
    }
}
