using MomentTools.Machines;
using MomentTools.Operations;

namespace MomentTools;

public sealed partial class MomentEngine
{
    /// <summary>Lets the guest of a running machine stand still; whatever is done with the machine then leaves it so. One that stands still already is left as it is.</summary>
    public Task<VMDomain> SuspendDomainAsync(string vm, IOperationReport report, CancellationToken cancellation) =>
        PauseAsync(vm, "Suspend-VMDomain", go: false, report, cancellation);

    /// <summary>Lets a guest that stands still go on, whether it was suspended, started so, stopped by an I/O error, or sleeps.</summary>
    public Task<VMDomain> ResumeDomainAsync(string vm, IOperationReport report, CancellationToken cancellation) =>
        PauseAsync(vm, "Resume-VMDomain", go: true, report, cancellation);

    /// <summary>Changes what is said of a moment: its description, or that the present state descends from it.</summary>
    public Task<VMMoment> SetMomentAsync(string vm, SetMomentRequest request, IOperationReport report, CancellationToken cancellation) =>
        new MomentChange(_context).RunAsync(vm, request, report, cancellation);

    /// <summary>Removes a bitmap that belongs to no moment from the active layer of a disk.</summary>
    /// <param name="vm">The machine.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="name">The bitmap's name.</param>
    /// <param name="report">Where warnings go.</param>
    /// <param name="cancellation">Stops the work before the bitmap is touched.</param>
    public Task RemoveBitmapAsync(string vm, string disk, string name, IOperationReport report, CancellationToken cancellation) =>
        new BitmapRemoval(_context).RunAsync(vm, disk, name, report, cancellation);

    /// <summary>Gives a machine another name, whether it runs or not; its moments and backups go with it.</summary>
    public async Task<VMDomain> RenameDomainAsync(string vm, string newName, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = await new DomainRename(_context).RunAsync(vm, newName, report, cancellation);
        return await GetDomainAsync(place.Name, report, cancellation);
    }

    /// <summary>Forgets a machine; its disks stay. One with moments is refused unless they are to go too.</summary>
    public Task UnregisterDomainAsync(string vm, UnregisterDomainRequest request, IOperationReport report, CancellationToken cancellation) =>
        new DomainRemoval(_context).RunAsync(vm, request, report, cancellation);

    // What is pending is finished first: it may let the guest go on, or need it to stand still.
    private async Task<VMDomain> PauseAsync(string vm, string operation, bool go, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(_context, vm, operation, recover: true, report, cancellation, anyway: true);
        await _life.PauseAsync(scope.Place, go, report, cancellation);
        return await GetDomainAsync(scope.Place.Name, report, cancellation);
    }
}
