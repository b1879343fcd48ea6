using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace MomentTools.Cmdlets.Completion;

/// <summary>
/// Completes names from local files: those that begin with the word or match it as a wildcard pattern, and are not in its list already. It
/// never connects to anything, and never fails: a completion that throws would break the prompt.
/// </summary>
public abstract class NameCompleter : IArgumentCompleter
{
    private static readonly string[] Kinds = ["checkpoint:", "snapshot:"];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        try
        {
            var word = new CompletionWord(wordToComplete ?? "");
            var line = new CompletionLine(commandName, parameterName, commandAst, fakeBoundParameters);
            var query = new CompletionQuery
            {
                VM = line.Domains,
                Wanted = word.Matches,
                Without = line.Listed(word.Text),
                WithKind = Kinds.Any(kind => word.Text.StartsWith(kind, StringComparison.OrdinalIgnoreCase)),
            };
            var parameter = new CompletedParameter(commandName, parameterName);
            return [.. Candidates(new MomentEngine(), query, line).Select(item => word.Result(item, parameter))];
        }
#pragma warning disable CA1031 // Whatever goes wrong, the answer is that there is nothing to offer.
        catch (Exception)
#pragma warning restore CA1031
        {
            return [];
        }
    }

    private protected abstract IEnumerable<CompletionItem> Candidates(MomentEngine engine, CompletionQuery query, CompletionLine line);
}
