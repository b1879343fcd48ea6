using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace MomentTools.Cmdlets;

/// <summary>
/// At import, warns about aliases and functions that hide a cmdlet of this module: PowerShell takes them before a cmdlet, and Hyper-V's
/// module has aliases like Get-VMCheckpoint.
/// </summary>
public sealed class ImportWarning : IModuleAssemblyInitializer
{
    /// <inheritdoc/>
    public void OnImport()
    {
        // A module's initializer is given no session: a script block finds the one that imports.
        if (ScriptBlock.Create("$ExecutionContext").InvokeReturnAsIs() is not PSObject { BaseObject: EngineIntrinsics session })
            return;
        if (Prefix(session) is not { } prefix)
            return;
        foreach ((string verb, string noun) in Cmdlets())
        {
            string name = $"{verb}-{prefix}{noun}";
            // Not asked of command discovery: a module on PSModulePath would be loaded for the name, from within its own import.
            if (Find(session, "Alias", name) is AliasInfo alias)
                Warn($"The alias {name} -> {alias.Definition}", verb, noun, name);
            else if (Find(session, "Function", name) is FunctionInfo { ModuleName: not "MomentTools" })
                Warn($"The function {name}", verb, noun, name);
        }
    }

    private static object? Find(EngineIntrinsics session, string drive, string name) =>
        session.InvokeProvider.Item.Exists($"{drive}:{name}") && session.InvokeProvider.Item.Get($"{drive}:{name}") is [{ BaseObject: var found }, ..] ? found : null;

    private static void Warn(string what, string verb, string noun, string name) => ScriptBlock.Create("param($Text) Write-Warning $Text").Invoke(
        $"{what} hides the cmdlet {(name == $"{verb}-{noun}" ? "of the same name" : $"{verb}-{noun}")} of MomentTools. "
        + $"Write MomentTools\\{verb}-{noun}, or import the module with {(name == $"{verb}-{noun}" ? "a prefix: Import-Module MomentTools -Prefix QM" : "another prefix")}.");

    /// <summary>
    /// The prefix that the running Import-Module gives to the nouns: nothing tells an initializer, so the statement is read. Null where it
    /// has one that cannot be known from there.
    /// </summary>
    private static string? Prefix(EngineIntrinsics session)
    {
        if (Runspace.DefaultRunspace?.Debugger?.GetCallStack().FirstOrDefault()?.Position?.Text is not { } text)
            return "";
        foreach (CommandAst command in Parser.ParseInput(text, out _, out _).FindAll(node => node is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>())
        {
            for (int i = 1; i < command.CommandElements.Count; i++)
            {
                CommandElementAst element = command.CommandElements[i];
                if (element is CommandParameterAst parameter && IsPrefix(parameter.ParameterName))
                    return Value(parameter.Argument ?? command.CommandElements.ElementAtOrDefault(i + 1), session);
                if (element is VariableExpressionAst { Splatted: true } && Variable(element, session) is System.Collections.IDictionary splatted && splatted["Prefix"] is { } prefix)
                    return prefix.ToString();
            }
        }

        return "";
    }

    // -PassThru begins with the same letter.
    private static bool IsPrefix(string parameter) => parameter.Length > 1 && "Prefix".StartsWith(parameter, StringComparison.OrdinalIgnoreCase);

    private static string? Value(CommandElementAst? argument, EngineIntrinsics session) =>
        argument is StringConstantExpressionAst text ? text.Value : Variable(argument, session)?.ToString();

    private static object? Variable(CommandElementAst? element, EngineIntrinsics session) =>
        element is VariableExpressionAst variable ? session.SessionState.PSVariable.GetValue(variable.VariablePath.UserPath) : null;

    private static IEnumerable<(string Verb, string Noun)> Cmdlets() =>
        typeof(ImportWarning).Assembly.GetExportedTypes()
            .Select(type => Attribute.GetCustomAttribute(type, typeof(CmdletAttribute)) as CmdletAttribute)
            .OfType<CmdletAttribute>()
            .Select(cmdlet => (cmdlet.VerbName, cmdlet.NounName))
            .Order();
}
