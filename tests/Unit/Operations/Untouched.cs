using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>Proves of an operation that was refused that it changed nothing: files of the state root, bitmaps in the images, and QEMU itself.</summary>
internal static class Untouched
{
    /// <summary>Runs what must be refused; gives the error after checking its id, that its message names the things, and that nothing changed.</summary>
    public static async Task<MomentException> RefusedAsync(TestMachine machine, Func<Task> operation, ErrorId id, params string[] named)
    {
        string before = await TakeAsync(machine);
        MomentException failure = await Assert.ThrowsAsync<MomentException>(operation);
        Assert.True(failure.ErrorId == id, $"expected {id.Name}, but: {failure.ErrorId.Name}: {failure.Message}");
        Assert.All(named, name => Assert.Contains(name, failure.Message, StringComparison.Ordinal));
        Assert.Equal(before, await TakeAsync(machine));
        return failure;
    }

    public static async Task<string> TakeAsync(TestMachine machine)
    {
        var text = new StringBuilder();
        text.Append(Files(Path.Combine(machine.Scratch, "state"))).Append(Files(machine.Repository));
        foreach (string disk in machine.Disks.Where(disk => File.Exists(machine.DiskPath(disk))))
            text.AppendLine(disk + Bitmaps(machine.DiskPath(disk)));
        if (machine.StateDirectory is { } directory && Directory.Exists(directory)
            && (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).State is VMState.Running or VMState.Paused)
            text.Append(await QemuAsync(machine));
        return text.ToString();
    }

    // The lock says who held it last, and the generation counts; neither says anything of the moments.
    private static string Files(string root) => !Directory.Exists(root) ? "" : string.Concat(Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
        .Where(path => Path.GetFileName(path) is not ("lock" or ".lock")).Order(StringComparer.Ordinal)
        .Select(path => $"{path} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}\n"));

    private static string Bitmaps(string path)
    {
        (int exit, string output, _) = Tool.TryRun("qemu-img", "info", "-U", "--output=json", path);
        return exit == 0 && JsonDocument.Parse(output).RootElement.TryGetProperty("format-specific", out JsonElement specific)
            && specific.GetProperty("data").TryGetProperty("bitmaps", out JsonElement bitmaps)
            // What was undone stands in another order.
            ? string.Concat(bitmaps.EnumerateArray().Select(bitmap => JsonSerializer.Serialize(bitmap)).Order(StringComparer.Ordinal)) : "";
    }

    private static async Task<string> QemuAsync(TestMachine machine)
    {
        var text = new StringBuilder();
        JsonElement nodes = await machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-named-block-nodes", """{"flat": true}""", CancellationToken.None);
        foreach (JsonElement node in nodes.EnumerateArray())
            text.AppendLine($"{node.GetProperty("node-name")} {(node.TryGetProperty("dirty-bitmaps", out JsonElement bitmaps) ? bitmaps.ToString() : "")}");
        foreach (string query in (string[])["query-jobs", "query-block-exports", "query-block-jobs"])
            text.AppendLine((await machine.Engine.InvokeQmpAsync(TestMachine.Name, query, null, CancellationToken.None)).ToString());
        return text.ToString();
    }
}
