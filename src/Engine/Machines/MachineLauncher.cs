namespace MomentTools.Machines;

internal sealed class MachineLauncher
{
    public static string MonitorArgument(string path) => $"unix:{QemuArguments.Escape(path)},server=on,wait=off";
}
