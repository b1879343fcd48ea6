using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using MomentTools.Cmdlets;
using MomentTools.Tests.House;

namespace MomentTools.Tests.Hosting;

/// <summary>
/// A session of PowerShell in this process with the module imported as its users import it: manifest, types and views, and the assemblies
/// under test. What it gives are the very objects, so that tests see through them.
/// </summary>
internal sealed class HostedModule : IDisposable
{
    private static readonly Lock Gate = new();
    private readonly Runspace _runspace;

    public HostedModule()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        _runspace = RunspaceFactory.CreateRunspace(state);
        _runspace.Open();
        try
        {
            Run("Import-Module $args[0] -Global", Stage());
        }
        catch
        {
            _runspace.Dispose();
            throw;
        }
    }

    public Runspace Runspace => _runspace;

    /// <summary>Runs a script; an error of any kind fails the test.</summary>
    public Collection<PSObject> Run(string script, params object[] arguments)
    {
        (Collection<PSObject> output, IReadOnlyList<ErrorRecord> errors) = Try(script, arguments);
        Assert.True(errors.Count == 0, $"{script} says: {string.Join("; ", errors)}");
        return output;
    }

    /// <summary>Runs a script and gives what it wrote, and its errors; the one that ended it comes last.</summary>
    public (Collection<PSObject> Output, IReadOnlyList<ErrorRecord> Errors) Try(string script, params object[] arguments)
    {
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = _runspace;
        shell.AddScript(script);
        foreach (object argument in arguments)
            shell.AddArgument(argument);
        Collection<PSObject> output = [];
        List<ErrorRecord> errors = [];
        try
        {
            output = shell.Invoke();
            errors.AddRange(shell.Streams.Error);
        }
        catch (RuntimeException failure)
        {
            errors.AddRange(shell.Streams.Error);
            errors.Add(failure.ErrorRecord);
        }

        return (output, errors);
    }

    /// <summary>What the Tab key offers at the end of a line, or where it has <c>^</c>.</summary>
    public Collection<CompletionResult> Complete(string line)
    {
        int cursor = line.IndexOf('^', StringComparison.Ordinal);
        string text = cursor < 0 ? line : line.Remove(cursor, 1);
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = _runspace;
        return CommandCompletion.CompleteInput(text, cursor < 0 ? text.Length : cursor, null, shell).CompletionMatches;
    }

    public void Dispose() => _runspace.Dispose();

    // The module as the build lays it out, with the assemblies that the tests are linked with.
    private static string Stage()
    {
        string module = Path.Combine(AppContext.BaseDirectory, "MomentTools");
        lock (Gate)
        {
            Directory.CreateDirectory(module);
            foreach (string name in (string[])["MomentTools.psd1", "MomentTools.Format.ps1xml", "MomentTools.Types.ps1xml"])
                File.Copy(Path.Combine(SourceTree.Root, name), Path.Combine(module, name), overwrite: true);
            foreach (string path in (string[])[typeof(MomentCmdlet).Assembly.Location, typeof(MomentEngine).Assembly.Location])
                File.Copy(path, Path.Combine(module, Path.GetFileName(path)), overwrite: true);
        }

        return Path.Combine(module, "MomentTools.psd1");
    }
}
