using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>
/// The domains that come to a command from the left of its pipeline, as far as they are written there: a name, a variable, or a command of
/// this module that names them. Nothing is run for it.
/// </summary>
internal static class PipedDomains
{
    private static readonly string[] ParameterNames = ["VM", "VMName", "Domain", "DomainName"];

    public static IReadOnlyList<string> Find(CommandAst? command)
    {
        if (command?.Parent is not PipelineAst pipeline)
            return [];
        // The nearest that says it; filters in between let through what they get.
        foreach (CommandBaseAst left in pipeline.PipelineElements.TakeWhile(element => element != command).Reverse())
        {
            string[] found = left switch
            {
                CommandExpressionAst expression => [.. Of(expression.Expression)],
                CommandAst source when IsOurs(source) => [.. Of(Domain(source))],
                _ => [],
            };
            if (found.Length > 0)
                return found;
        }

        return [];
    }

    private static bool IsOurs(CommandAst command) => command.GetCommandName() is { } name && name.Contains("-VM", StringComparison.OrdinalIgnoreCase);

    // -VM by its name, or what stands first.
    private static ExpressionAst? Domain(CommandAst command)
    {
        ReadOnlyCollection<CommandElementAst> elements = command.CommandElements;
        for (int index = 1; index < elements.Count; index++)
        {
            if (elements[index] is CommandParameterAst parameter && ParameterNames.Contains(parameter.ParameterName, StringComparer.OrdinalIgnoreCase))
                return parameter.Argument ?? elements.ElementAtOrDefault(index + 1) as ExpressionAst;
        }

        return elements.ElementAtOrDefault(1) as ExpressionAst;
    }

    private static IEnumerable<string> Of(ExpressionAst? expression) => expression switch
    {
        StringConstantExpressionAst text => [text.Value],
        ArrayLiteralAst list => list.Elements.SelectMany(Of),
        ParenExpressionAst { Pipeline: PipelineAst { PipelineElements: [CommandExpressionAst inner] } } => Of(inner.Expression),
        ArrayExpressionAst { SubExpression.Statements: [PipelineAst { PipelineElements: [CommandExpressionAst inner] }] } => Of(inner.Expression),
        VariableExpressionAst variable => CompletionLine.DomainsOf(ValueOf(variable)),
        _ => [],
    };

    private static object? ValueOf(VariableExpressionAst variable)
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddScript("$ExecutionContext.SessionState.PSVariable.GetValue($args[0])", useLocalScope: true).AddArgument(variable.VariablePath.UserPath);
        return shell.Invoke() switch
        {
            [] => null,
            [PSObject only] => only,
            var several => several,
        };
    }
}
