using System.Globalization;
using MomentTools.Errors;

namespace MomentTools.Tests.Operations.Metadata;

/// <summary>Documents as libvirt writes them, and what is done with them.</summary>
internal static class Documents
{
    public const long Then = 1_700_000_000;

    /// <param name="more">More elements, in front of the disks.</param>
    public static string Checkpoint(string name, string? parent = null, string disk = "vda", long? time = Then, string more = "") => $"""
        <domaincheckpoint>
          <name>{name}</name>
          {(parent is null ? "" : $"<parent><name>{parent}</name></parent>")}
          {(time is null ? "" : $"<creationTime>{time.Value.ToString(CultureInfo.InvariantCulture)}</creationTime>")}{more}
          <disks><disk name='{disk}' checkpoint='bitmap' bitmap='{name}'/></disks>
        </domaincheckpoint>
        """;

    public static string Snapshot(string name, string? parent = null, string mode = "internal", string more = "") => $"""
        <domainsnapshot>
          <name>{name}</name>
          <state>shutoff</state>
          {(parent is null ? "" : $"<parent><name>{parent}</name></parent>")}
          <creationTime>{Then.ToString(CultureInfo.InvariantCulture)}</creationTime>
          <disks><disk name='vda' snapshot='{mode}'/></disks>{more}
        </domainsnapshot>
        """;

    public static string Domain(string uuid) => $"<domain type='qemu'><name>web1</name><uuid>{uuid}</uuid><memory>1</memory></domain>";

    public static Task<IReadOnlyList<VMMoment>> ImportAsync(this TestMachine machine, params string[] documents) =>
        machine.ImportAsync(new ImportMomentsRequest { Documents = documents });

    public static Task<IReadOnlyList<VMMoment>> ImportAsync(this TestMachine machine, ImportMomentsRequest request) =>
        machine.Engine.ImportMomentsAsync(TestMachine.Name, request, machine.Report, CancellationToken.None);

    public static async Task<string> ExportAsync(this TestMachine machine, ExportMomentsRequest? request = null) =>
        Assert.Single(await machine.Engine.ExportMomentsAsync(TestMachine.Name, request ?? new ExportMomentsRequest(), machine.Report, CancellationToken.None)).Xml;

    /// <summary>The import is refused with this error, and nothing has become known by it.</summary>
    public static async Task<MomentException> RefusedAsync(this TestMachine machine, ErrorId id, ImportMomentsRequest request)
    {
        string[] before = [.. (await machine.MomentsAsync()).Select(moment => moment.Name)];
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => machine.ImportAsync(request));
        Assert.Equal(id, failure.ErrorId);
        Assert.Equal(before, (await machine.MomentsAsync()).Select(moment => moment.Name));
        return failure;
    }

    public static Task<MomentException> RefusedAsync(this TestMachine machine, ErrorId id, params string[] documents) =>
        machine.RefusedAsync(id, new ImportMomentsRequest { Documents = documents });
}
