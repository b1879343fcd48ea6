using System.Management.Automation;
using MomentTools.Errors;

namespace MomentTools.Cmdlets.Pipeline;

/// <summary>Turns the engine's errors into PowerShell's: the id, the category of the kind, the target, and the advice.</summary>
internal static class ErrorRecords
{
    /// <param name="failure">The engine's error; kept whole as the record's exception.</param>
    /// <param name="target">The object it is about, where the error itself names none.</param>
    public static ErrorRecord ToErrorRecord(this MomentException failure, object? target = null)
    {
        string id = failure.ErrorId.Name;
        return new ErrorRecord(failure, id, CategoryOf(failure.ErrorId), failure.Target ?? target)
        {
            // What is printed: PowerShell's own view has the advice below it, but not the id that the help is ordered by.
            ErrorDetails = new ErrorDetails($"{failure.Message} [{id}]") { RecommendedAction = failure.Advice ?? "" },
        };
    }

    public static ErrorCategory CategoryOf(ErrorId id) => id.Kind switch
    {
        ErrorKind.NotFound => ErrorCategory.ObjectNotFound,
        ErrorKind.AlreadyExists => ErrorCategory.ResourceExists,
        ErrorKind.InvalidArgument => ErrorCategory.InvalidArgument,
        ErrorKind.InvalidState => ErrorCategory.InvalidOperation,
        ErrorKind.Busy => ErrorCategory.ResourceBusy,
        ErrorKind.Refused => ErrorCategory.InvalidResult,
        ErrorKind.Connection => ErrorCategory.ConnectionError,
        ErrorKind.Timeout => ErrorCategory.OperationTimeout,
        ErrorKind.Unsupported => ErrorCategory.NotImplemented,
        ErrorKind.CorruptData => ErrorCategory.InvalidData,
        ErrorKind.AccessDenied => ErrorCategory.PermissionDenied,
        ErrorKind.Storage => ErrorCategory.WriteError,
        _ => ErrorCategory.NotSpecified,
    };
}
