using System.Management.Automation;
using System.Reflection;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>Gathers what a command was given until its job can be made: the parameters of its line, and each thing that was piped.</summary>
internal sealed class JobStart
{
    // What says how the caller's own session is served.
    private static readonly HashSet<string> CallersOwn = new(StringComparer.OrdinalIgnoreCase)
    {
        nameof(ILongOperation.AsJob), "WhatIf", "Confirm",
        "OutVariable", "OutBuffer", "PipelineVariable", "ErrorVariable", "WarningVariable", "InformationVariable",
    };

    private readonly MomentCmdlet _cmdlet;
    private readonly Dictionary<string, object?> _line;
    private readonly List<Dictionary<string, object?>> _piped = [];

    public JobStart(MomentCmdlet cmdlet, MomentEngine engine)
    {
        _cmdlet = cmdlet;
        Agreement = new JobAgreement(engine);
        Asks = cmdlet.GetType().GetCustomAttribute<CmdletAttribute>() is { SupportsShouldProcess: true };
        _line = new Dictionary<string, object?>(cmdlet.MyInvocation.BoundParameters!, StringComparer.OrdinalIgnoreCase);
    }

    public JobAgreement Agreement { get; }

    /// <summary>Whether there are questions to be asked before the job.</summary>
    public bool Asks { get; }

    /// <summary>Takes one thing from the pipeline, or notes that the line has everything.</summary>
    public void Take(IDictionary<string, object> bound)
    {
        var piped = bound.Where(parameter => !_line.ContainsKey(parameter.Key)).ToDictionary(parameter => parameter.Key, parameter => (object?)parameter.Value, StringComparer.OrdinalIgnoreCase);
        if (piped.Count > 0)
            _piped.Add(piped);
    }

    /// <summary>The job; null where nothing is left to do: it was only asked what if, or nothing was agreed.</summary>
    public MomentJob? Make()
    {
        if (!Agreement.HasAgreed && !Agreement.IsSilent || Asks && _cmdlet.IsWhatIf)
            return null;
        string name = _cmdlet.MyInvocation.MyCommand.Name;
        var parameters = _line.Where(parameter => !CallersOwn.Contains(parameter.Key)).ToDictionary();
        string shown = JobCommandLine.Of(name, parameters.Concat(_piped.SelectMany(given => given)));
        foreach (string key in parameters.Keys.Where(key => key.EndsWith("Action", StringComparison.Ordinal)).ToList())
            parameters[key] = JobSession.Unattended(parameters[key]);
        if (Asks)
            parameters["Confirm"] = false;
        return new MomentJob(shown, new JobWork(name, _cmdlet.GetType(), parameters, Input(), new JobSession(_cmdlet, Agreement)));
    }

    // One of its own binds by value, where it takes values; several came as properties of one object.
    private PSDataCollection<PSObject>? Input()
    {
        if (_piped.Count == 0)
            return null;
        var input = new PSDataCollection<PSObject>();
        foreach (Dictionary<string, object?> given in _piped)
        {
            if (given.Count == 1 && TakesValues(given.Keys.Single()))
            {
                object? value = given.Values.Single();
                foreach (object? one in value is Array many ? many : new[] { value })
                    input.Add(PSObject.AsPSObject(one));
                continue;
            }

            var gathered = new PSObject();
            foreach ((string parameter, object? value) in given)
                gathered.Properties.Add(new PSNoteProperty(parameter, value is Array { Length: 1 } single ? single.GetValue(0) : value));
            input.Add(gathered);
        }

        input.Complete();
        return input;
    }

    private bool TakesValues(string parameter) =>
        _cmdlet.GetType().GetProperty(parameter)?.GetCustomAttributes<ParameterAttribute>().Any(one => one.ValueFromPipeline) == true;
}
