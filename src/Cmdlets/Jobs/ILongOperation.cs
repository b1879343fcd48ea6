using System.Management.Automation;

namespace MomentTools.Cmdlets.Jobs;

/// <summary>A cmdlet whose work can take long: it can also be done in a job.</summary>
internal interface ILongOperation
{
    /// <summary>Do the work in a background job, and give the job.</summary>
    SwitchParameter AsJob { get; }
}
