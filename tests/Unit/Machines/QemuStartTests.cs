using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using MomentTools.Machines;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Tests.Machines;

/// <summary>A real QEMU takes the command lines and answers on both monitors.</summary>
public sealed class QemuStartTests
{
    private const string Paused = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-S'/></qemu:commandline></domain>";

    [SkippableFact]
    public void AModernMachineStarts() => Start(
        LaunchSamples.Modern.Replace("'kvm'", "'qemu'", StringComparison.Ordinal)
            .Replace("<interface type='network'>", "<interface type='user'>", StringComparison.Ordinal)
            .Replace("cache='none' io='native'", "cache='writeback' detect_zeroes='unmap'", StringComparison.Ordinal)
            .Replace("autoport='yes'><listen type='address'/>", "><listen type='none'/>", StringComparison.Ordinal),
        "vda");

    [SkippableFact]
    public void WhatLibvirtPrintsOfARunningMachineStarts() => Start(LiveSample.Xml.Replace("<listen type='address' address='127.0.0.1'/>", "<listen type='none'/>", StringComparison.Ordinal), "vda");

    [SkippableFact]
    public void AClassicMachineStarts()
    {
        // Without what this host may lack: SPICE, bridges, tap devices and a volume group.
        string text = LaunchSamples.Classic;
        foreach ((string from, string to) in ((string, string)[])[("<channel type='spicevmc'>", "</channel>"), ("<graphics", "</graphics>"), ("<interface type='bridge'>", "</interface>"), ("<interface type='ethernet'>", "</interface>"), ("<disk type='block'", "</disk>"), ("<video>", "</video>"), ("<serial type='file'>", "</serial>"), ("<serial type='unix'>", "</serial>")])
        {
            int start = text.IndexOf(from, StringComparison.Ordinal);
            text = text.Remove(start, text.IndexOf(to, start, StringComparison.Ordinal) + to.Length - start);
        }

        Start(
            text.Replace("</devices>", "<video><model type='vga' vram='16384'/></video><disk><driver type='qcow2'/><source file='/x'/><target dev='sdb' bus='scsi'/><wwn>5000c50015ea71aa</wwn><vendor>QEMU</vendor></disk><disk><driver type='qcow2' queues='1'/><source file='/x'/><target dev='vdc' bus='virtio'/></disk></devices>", StringComparison.Ordinal),
            "hda", "sdb", "hdc", "vdc");
    }

    private static void Start(string text, params string[] targets)
    {
        Tool.Require("qemu-system-x86_64", "qemu-img");
        using var scratch = new ScratchDirectory();
        DomainDocument domain = DomainDocument.Parse(text.Replace("</domain>", Paused, StringComparison.Ordinal), "it");
        Dictionary<string, IReadOnlyList<ImageLayer>> chains = new(StringComparer.Ordinal);
        foreach (string target in targets)
        {
            Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", scratch[target + ".base"], "16M");
            Tool.Run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", scratch[target + ".base"], "-F", "qcow2", scratch[target], "16M");
            bool readOnly = domain.FindDisk(target)!.ReadOnly;
            chains[target] = [new("mt-" + target, scratch[target], "qcow2", readOnly, false), new($"mt-{target}-0", scratch[target + ".base"], "qcow2", true, false)];
        }

        var runtime = new QemuRuntime(scratch["q,1"], scratch["q2"], scratch["pid"], scratch["log"], chains);
        QemuCommandLine line = QemuCommandLine.Build(domain, runtime);
        (int exit, _, string error) = Tool.TryRun("qemu-system-x86_64", [.. line.Arguments]);
        Assert.True(exit == 0, error);
        using Process qemu = Process.GetProcessById(int.Parse(File.ReadAllText(scratch["pid"]).Trim(), CultureInfo.InvariantCulture));
        try
        {
            Assert.Equal("prelaunch", Ask(scratch["q2"], "query-status").GetProperty("status").GetString());
            IEnumerable<string?> devices = Ask(scratch["q,1"], "query-block").EnumerateArray()
                .Where(device => device.TryGetProperty("inserted", out _))
                .Select(device => device.GetProperty("inserted").GetProperty("node-name").GetString());
            Assert.Equal(targets.Select(target => "mt-" + target).Order(StringComparer.Ordinal), devices.Order(StringComparer.Ordinal));
            Assert.Equal(line.AgentPath is not null, File.Exists(scratch["q,1.agent"]));
        }
        finally
        {
            qemu.Kill();
            Assert.True(qemu.WaitForExit(60_000), "QEMU did not end");
        }
    }

    private static JsonElement Ask(string path, string command)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        Assert.Contains("QMP", reader.ReadLine()!, StringComparison.Ordinal);
        stream.Write(Encoding.UTF8.GetBytes($$"""{"execute":"qmp_capabilities"}{"execute":"{{command}}","id":1}"""));
        while (true)
        {
            JsonElement reply = JsonDocument.Parse(reader.ReadLine()!).RootElement;
            if (reply.TryGetProperty("id", out _))
                return reply.GetProperty("return");
        }
    }
}
