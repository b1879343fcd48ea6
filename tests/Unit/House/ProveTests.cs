using MomentTools.Tests.Support;

namespace MomentTools.Tests.House;

/// <summary>
/// `./build.sh prove` takes hours and is run seldom: here with tools that only say what the real ones would, in a copy of build/. What it runs,
/// what it takes for proven, and what it writes down.
/// </summary>
public sealed class ProveTests : IDisposable
{
    private const string Ctrlc = "2026-01-02 03:04 UTC; PowerShell 7.6.5; commit 0123\n\n```\nCtrl-C, seed 1: 500\n```\n";

    private readonly ScratchDirectory _scratch = new();

    public ProveTests()
    {
        foreach (string directory in new[] { "build", "docs", "bin", "say" })
            Directory.CreateDirectory(_scratch[directory]);
        foreach (string file in Directory.GetFiles(Path.Combine(SourceTree.Root, "build")).Append(Path.Combine(SourceTree.Root, "Directory.Build.props")))
            File.Copy(file, _scratch[Path.GetRelativePath(SourceTree.Root, file)]);
        File.WriteAllText(_scratch["LICENSE"], "");
        File.WriteAllText(_scratch["MomentTools.psd1"], "");
        File.WriteAllText(_scratch["docs/proof.md"], $"# Old words\n\n## ctrlc\n\n{Ctrlc}\n## soak\n\nold\n");
        AddTool("git", "echo 4567");
        AddTool("qemu-img", "echo qemu-img version 7.2");
        AddTool("pwsh", """[ "$1" = --version ] && echo PowerShell 7.6.5 || cat "$SAY/ctrlc" """);
        AddTool("dotnet", """
            echo "$*; CRASH=$MOMENTTOOLS_CRASH_STEPS FUZZ=$MOMENTTOOLS_FUZZ_MINUTES SOAK=$MOMENTTOOLS_SOAK_MINUTES" >>"$SAY/calls"
            for word; do
                case $word in
                    trx*) trx=${word#*=} ;;
                    */stage/module/) mkdir -p "$word" && touch "$word/MomentTools.dll" "$word/MomentTools.Engine.dll" ;;
                esac
            done
            case $1 in
                test) cp "$SAY/$(basename "$trx" .trx)" "$trx"; echo "Passed!  - Failed:     0, Passed:     2, Skipped:     0, Total:     2, Duration: 1 s - MomentTools.Tests.dll (net10.0)" ;;
                run) cat "$SAY/fuzz" ;;
            esac
            """);
        Say("crash", "<StdOut>checkpoint &amp; flush: 12 points of death tried, 12 survived</StdOut>");
        Say("fuzz", "seed 1, 60 minutes\nfuzzing xml: 7 inputs, 3 refused, 4 accepted, 0 crashed");
        Say("ctrlc", "Ctrl-C, seed 2: 500, of which 390\nCtrl-C of a terminal: 62\nTests Passed: 2");
        Say("soak", "<StdOut>soak of 30 minutes, seed 5: 99 operations; 7 disks</StdOut>");
    }

    [SkippableFact]
    public void EachProofIsRunAtLengthAndWrittenDownInItsOwnPart()
    {
        (int exit, string said) = Prove("-p:Of=crash%2cfuzz%2csoak", "-p:Record=true", "-p:Minutes=");

        Assert.True(exit == 0, said);
        string[] calls = File.ReadAllLines(_scratch["say/calls"]);
        Assert.Contains(calls, call => call.Contains("--filter Proof=crash", StringComparison.Ordinal) && call.EndsWith("CRASH=all FUZZ= SOAK=", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.StartsWith("run ", StringComparison.Ordinal) && call.EndsWith("CRASH= FUZZ=60 SOAK=", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.Contains("--filter Proof=soak", StringComparison.Ordinal) && call.EndsWith("CRASH= FUZZ= SOAK=30", StringComparison.Ordinal));
        string page = File.ReadAllText(_scratch["docs/proof.md"]);
        Assert.Matches(@"## crash\n\n\d{4}-\d\d-\d\d \d\d:\d\d UTC; PowerShell 7\.6\.5; qemu-img version 7\.2; commit 4567\n\n```\ncheckpoint & flush: 12 points of death tried, 12 survived\nPassed!  - Failed:     0, .*Duration: 1 s\n```\n", page);
        Assert.Contains("```\nseed 1, 60 minutes\nfuzzing xml: 7 inputs, 3 refused, 4 accepted, 0 crashed\n```\n", page, StringComparison.Ordinal);
        Assert.Contains("```\nsoak of 30 minutes, seed 5: 99 operations; 7 disks\nPassed!", page, StringComparison.Ordinal);
        // What was not run is as it was.
        Assert.Contains($"## ctrlc\n\n{Ctrlc}\n## soak", page, StringComparison.Ordinal);
        Assert.DoesNotContain("old", page, StringComparison.Ordinal);
        Assert.Equal(["crash", "fuzz", "ctrlc", "soak"], page.Split('\n').Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]));
    }

    [SkippableFact]
    public void WhatTriedNothingIsNotProven()
    {
        // No test has that trait; one target of two; no terminal; skipped, for want of a kernel.
        Say("crash", "");
        Say("fuzz", "seed 1, 60 minutes\nfuzzing xml: 7 inputs, 3 refused, 4 accepted, 0 crashed\nfuzzing qcow2: left out, qemu-io is not on PATH");
        Say("ctrlc", "Ctrl-C, seed 2: 500, of which 390\nTests Passed: 1");
        Say("soak", "");
        string before = File.ReadAllText(_scratch["docs/proof.md"]);

        (int exit, string said) = Prove("-p:Of=", "-p:Record=true");

        Assert.NotEqual(0, exit);
        Assert.Contains("Not proven: crash (nothing was killed), fuzz (something was left out), ctrlc (no terminal), soak (no guest ran).", said, StringComparison.Ordinal);
        string page = File.ReadAllText(_scratch["docs/proof.md"]);
        Assert.Contains("## crash\n\nNot recorded yet.\n\n## fuzz\n\nNot recorded yet.\n\n" + before[before.IndexOf("## ctrlc", StringComparison.Ordinal)..], page, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void WhatFailsIsNotProven()
    {
        AddTool("dotnet", """case $1 in test | run) echo boom; exit 3 ;; publish) for word; do [ "${word#*/stage/}" = "$word" ] || { mkdir -p "$word"; touch "$word/MomentTools.dll" "$word/MomentTools.Engine.dll"; }; done ;; esac""");

        (int exit, string said) = Prove("-p:Of=soak%2cfuzz", "-p:Minutes=3");

        Assert.NotEqual(0, exit);
        Assert.Contains("Not proven: fuzz (it ended with 3), soak (it ended with 3).", said, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("-p:Of=crash%2cfuss", "-Of takes crash, fuzz, ctrlc and soak, with commas between them, and not 'crash,fuss'.")]
    [InlineData("-p:Minutes=0", "-Minutes takes a whole number of minutes, and not '0'.")]
    [InlineData("-p:Pwsh=", "Ctrl-C is proven in PowerShell 7.6 (pwsh), which is not on PATH: -Of crash,fuzz,soak leaves it out.")]
    public void WhatCannotBeProvenIsRefusedAtOnce(string option, string expected)
    {
        (int exit, string said) = Prove(option);

        Assert.NotEqual(0, exit);
        Assert.Contains(expected, said, StringComparison.Ordinal);
        Assert.False(File.Exists(_scratch["say/calls"]), said);
    }

    public void Dispose() => _scratch.Dispose();

    private (int Exit, string Said) Prove(params string[] options)
    {
        Tool.Require("dotnet");
        (int exit, string output, string error) = Tool.TryRun(
            "env", ["-u", "MOMENTTOOLS_CRASH_STEPS", "-u", "MOMENTTOOLS_FUZZ_MINUTES", "-u", "MOMENTTOOLS_SOAK_MINUTES", "-u", "MOMENTTOOLS_CTRLC",
                $"PATH={_scratch["bin"]}:{Environment.GetEnvironmentVariable("PATH")}", $"SAY={_scratch["say"]}", Tool.Find("dotnet")!, "msbuild", _scratch["build/MomentTools.proj"], "-nologo", "-v:m", "-nodeReuse:false",
                "-t:Prove", .. options.Any(option => option.StartsWith("-p:Pwsh", StringComparison.Ordinal)) ? (string[])[] : [$"-p:Pwsh={_scratch["bin/pwsh"]}"], .. options]);
        return (exit, output + error);
    }

    private void Say(string proof, string what) => File.WriteAllText(_scratch["say/" + proof], what + "\n");

    private void AddTool(string name, string script)
    {
        string path = _scratch["bin/" + name];
        File.WriteAllText(path, "#!/usr/bin/env bash\n" + script + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
