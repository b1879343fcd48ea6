using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace MomentTools.Tests.Hosting;

/// <summary>
/// Where the tests get PowerShell's assemblies from: the installation of the <c>pwsh</c> on PATH, whose directory is also the home of a
/// runspace made here. Without one it is the reference assembly that the cmdlets are compiled against, enough to read their attributes.
/// </summary>
internal static class PowerShellAssemblies
{
    private const string Automation = "System.Management.Automation";
    private static readonly Version OldestVersion = new(7, 6);

    /// <summary>The directory of PowerShell, or null where there is none that is new enough.</summary>
    public static string? Home { get; } = FindHome();

    /// <summary>Skips the test, saying why, where there is no PowerShell to host.</summary>
    public static void Require() => Skip.If(Home is null, $"PowerShell {OldestVersion} or newer (pwsh) is not on PATH: install it to run this test");

#pragma warning disable CA2255 // Whatever names a type of PowerShell first must find the handler in place.
    [ModuleInitializer]
    internal static void Attach() => AssemblyLoadContext.Default.Resolving += Resolve;
#pragma warning restore CA2255

    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
    {
        if (name.Name is not { } simple || simple.EndsWith(".resources", StringComparison.Ordinal))
            return null;
        if (Home is null)
            return simple == Automation ? context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "standard", Automation + ".dll")) : null;
        string path = Path.Combine(Home, simple + ".dll");
        return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
    }

    private static string? FindHome()
    {
        if (Support.Tool.Find("pwsh") is not { } found)
            return null;
        string program = File.ResolveLinkTarget(found, returnFinalTarget: true)?.FullName ?? found;
        string home = Path.GetDirectoryName(program)!;
        string library = Path.Combine(home, Automation + ".dll");
        // A pwsh that is a .NET tool or a script lies elsewhere than its assemblies: it is left aside.
        return File.Exists(library) && AssemblyName.GetAssemblyName(library).Version >= OldestVersion ? home : null;
    }
}
