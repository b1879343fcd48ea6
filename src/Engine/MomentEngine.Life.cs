using MomentTools.Machines;
using MomentTools.Operations;

namespace MomentTools;

public sealed partial class MomentEngine
{
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
}
