using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>The session of PowerShell that a job has to itself: where its caller stands, with the caller's drives and preferences.</summary>
internal sealed class JobSession
{
    /// <summary>The variable by which the command in the job finds what was agreed.</summary>
    public const string AgreementVariable = "MomentToolsJobAgreement";

    private const string FileSystem = "FileSystem";
    private static readonly string[] Preferences =
        ["ErrorActionPreference", "WarningPreference", "VerbosePreference", "DebugPreference", "InformationPreference", "ProgressPreference"];

    private readonly string _location;
    private readonly List<(string Name, string Root)> _drives;
    private readonly List<SessionStateVariableEntry> _variables = [];
    private readonly string[] _types;

    /// <summary>Takes down where the caller is, on the caller's thread.</summary>
    public JobSession(PSCmdlet caller, JobAgreement agreement)
    {
        PathInfo place = caller.SessionState.Path.CurrentLocation;
        _location = (place.Provider.Name == FileSystem ? place : caller.SessionState.Path.CurrentFileSystemLocation).ProviderPath;
        _drives = [.. caller.SessionState.Drive.GetAllForProvider(FileSystem).Select(drive => (drive.Name, drive.Root))];
        // An object has the members that types files give it in the session that it comes from.
        _types = [.. caller.MyInvocation.MyCommand.Module?.ExportedTypeFiles ?? []];
        foreach (string name in Preferences)
            _variables.Add(new SessionStateVariableEntry(name, Unattended(caller.GetVariableValue(name)), ""));
        _variables.Add(new SessionStateVariableEntry(AgreementVariable, agreement, ""));
    }

    /// <summary>A preference that stands for a question is one that goes on: nobody is there to be asked.</summary>
    public static object? Unattended(object? preference) =>
        LanguagePrimitives.TryConvertTo(preference, CultureInfo.InvariantCulture, out ActionPreference action) && action is ActionPreference.Inquire or ActionPreference.Suspend or (ActionPreference)6
            ? ActionPreference.Continue
            : preference;

    /// <summary>Opens it, with the one command.</summary>
    public Runspace Open(string command, Type implementation)
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.Commands.Add(new SessionStateCmdletEntry(command, implementation, null));
        state.Variables.Add(_variables);
        state.Types.Add(_types.Select(path => new SessionStateTypeEntry(path)));
        Runspace runspace = RunspaceFactory.CreateRunspace(state);
        try
        {
            runspace.Open();
            ProviderInfo provider = runspace.SessionStateProxy.Provider.GetOne(FileSystem);
            HashSet<string> known = [.. runspace.SessionStateProxy.Drive.GetAll().Select(drive => drive.Name)];
            // A drive whose directory is gone cannot be made, and whoever does not use it has nothing to do with that.
            foreach ((string name, string root) in _drives.Where(drive => !known.Contains(drive.Name) && Directory.Exists(drive.Root)))
                runspace.SessionStateProxy.Drive.New(new PSDriveInfo(name, provider, root, "", null), "global");
            runspace.SessionStateProxy.Path.SetLocation(WildcardPattern.Escape(_location));
            return runspace;
        }
        catch
        {
            runspace.Dispose();
            throw;
        }
    }
}
