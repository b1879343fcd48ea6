using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>What stands on the line beside the word that is being completed, as far as it is known without running anything.</summary>
internal sealed class CompletionLine
{
    private readonly IDictionary _bound;
    private readonly CommandAst? _command;
    private readonly string _parameter;

    /// <param name="name">The command's name, without an alias.</param>
    /// <param name="parameter">The parameter that is being completed.</param>
    /// <param name="command">The command.</param>
    /// <param name="bound">What PowerShell bound already, by parameter.</param>
    public CompletionLine(string name, string parameter, CommandAst? command, IDictionary? bound)
    {
        Command = name;
        _parameter = parameter;
        _command = command;
        _bound = bound ?? new Hashtable();
        Domains = Given("VM") is { Count: > 0 } named ? named : PipedDomains.Find(command);
    }

    /// <summary>The command's name; where the module was imported with a prefix its noun has that in front.</summary>
    public string Command { get; }

    /// <summary>The domains that the command is about, as names and patterns: named, or on their way to it in the pipeline; empty where that is not known.</summary>
    public IReadOnlyList<string> Domains { get; }

    /// <summary>The one name that a parameter has; null where it has none, or several.</summary>
    public string? this[string parameter] => Value(parameter) switch
    {
        null => null,
        IEnumerable and not string => null,
        var value when PSObject.AsPSObject(value) is var wrapped => wrapped.BaseObject as string ?? wrapped.Properties["Name"]?.Value as string,
        _ => null,
    };

    /// <summary>All names that a parameter has.</summary>
    public IReadOnlyList<string> Names(string parameter) => this[parameter] is { } one ? [one] : Value(parameter) is IEnumerable and not string ? [.. Texts(Value(parameter))] : [];

    /// <summary>What the list that the word is in has already.</summary>
    /// <param name="word">The word itself.</param>
    public IReadOnlyList<string> Listed(string word)
    {
        List<string> listed = [.. Value(_parameter) is IEnumerable and not string ? Texts(Value(_parameter)) : UnfinishedList()];
        listed.Remove(word);
        return listed;
    }

    public bool Has(string parameter) => _bound.Contains(parameter);

    /// <summary>The objects that a parameter has.</summary>
    public IEnumerable<T> Objects<T>(string parameter) =>
        (Value(parameter) is IEnumerable list and not string ? list.Cast<object?>() : [Value(parameter)]).Select(one => one is PSObject wrapped ? wrapped.BaseObject : one).OfType<T>();

    /// <summary>A path as the command itself will take it: relative to where the session is.</summary>
    public static string FullPath(string path)
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddScript("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])", useLocalScope: true).AddArgument(path);
        return shell.Invoke<string>()[0];
    }

    /// <summary>The domains that a value means, as -VM takes it.</summary>
    public static IEnumerable<string> DomainsOf(object? value)
    {
        object? inner = GivenValue.Plain(value);
        if (inner is IEnumerable list and not string)
            return list.Cast<object?>().SelectMany(DomainsOf);
        return inner is null or "" || !NamesDomain(value!) ? [] : [new VMReference(value!).Pattern];
    }

    private static bool NamesDomain(object value)
    {
        PSObject wrapped = PSObject.AsPSObject(value);
        return wrapped.BaseObject is string or ValueType || wrapped.Properties["VM"]?.Value is not null || wrapped.Properties["VMName"]?.Value is not null;
    }

    private IReadOnlyList<string> Given(string parameter) => [.. DomainsOf(Value(parameter))];

    private object? Value(string parameter) => _bound[parameter] is PSObject { BaseObject: IEnumerable list and not string } ? list : _bound[parameter];

    private static IEnumerable<string> Texts(object? list) =>
        (list as IEnumerable ?? Array.Empty<object>()).Cast<object?>().Select(one => (one as PSObject)?.BaseObject as string ?? one as string).OfType<string>();

    // "a,b," is not a list yet: the parser keeps what it has in an error, and PowerShell binds nothing.
    private IEnumerable<string> UnfinishedList() => _command?.CommandElements.OfType<ErrorExpressionAst>().LastOrDefault() is { } broken
        ? broken.FindAll(ast => ast is StringConstantExpressionAst, searchNestedScriptBlocks: false).Cast<StringConstantExpressionAst>().Select(one => one.Value)
        : [];
}
