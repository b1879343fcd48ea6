#!/usr/bin/env bash
# Builds, tests and shows MomentTools: sees that the tools are there, then hands over to build.ps1 where PowerShell is,
# else to the same MSBuild targets without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDTERMINALLOGGER=off

usage() {
    cat <<'TEXT'
usage: ./build.sh [TASK] [-Guest] [-Record] [-Of LIST] [-Minutes N]
  build     the module, into out/MomentTools/VERSION (the default)
  test      every test; -Record writes docs/test-run.md
  prove     what takes long: each step of each operation killed, fuzzing, 500 times Ctrl-C, a soak with a real guest; -Of crash,fuzz,ctrlc,soak
            chooses, -Minutes is how long fuzzing and soak take each (60 and 30), -Record writes docs/proof.md
  tour      the whole story on real disks in a minute; -Guest boots a small Linux that does the writing
  bench     measurements beside QEMU's and libnbd's own tools; -Record writes docs/benchmarks.md
  docs      the help files (needs PowerShell and PlatyPS)
  package   the module as a zip file, and as a package for the PowerShell Gallery that is installed and tried (needs PowerShell)
  clean     removes out/
TEXT
}

task=build guest=false record=false of= minutes=
while [ $# -gt 0 ]; do
    argument=$1
    shift
    case "${argument,,}" in
        -of | --of) of=${1:?build.sh: -Of needs a list of crash, fuzz, ctrlc and soak} && shift ;;
        -minutes | --minutes) minutes=${1:?build.sh: -Minutes needs a number} && shift ;;
        build | test | prove | tour | bench | docs | package | clean) task=${argument,,} ;;
        -guest | --guest) guest=true ;;
        -record | --record) record=true ;;
        -h | --help | help) usage; exit 0 ;;
        *) echo "build.sh: '$argument' is neither a task nor a switch." >&2; usage >&2; exit 2 ;;
    esac
done

if ! command -v dotnet >/dev/null; then
    echo "build.sh: the .NET SDK 10 is needed, and 'dotnet' is not on PATH." >&2
    exit 1
fi

# Debian's packages for what a task runs: as root or through sudo, else the line to run.
packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
case $task in
    test | prove | tour | bench)
        need qemu-system-x86_64 qemu-system-x86
        need qemu-storage-daemon qemu-system-common
        need qemu-img qemu-utils
        need nbdinfo libnbd-bin ;;
esac
case $task in test | prove) need nbdkit nbdkit ;; esac
# What the guest is made of that boots in some tests.
if [ $guest = true ] || [ $task = test ] || [ $task = prove ]; then
    need busybox busybox-static
    need cpio cpio
fi
if [ ${#packages[@]} -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${packages[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "build.sh: these are missing, as Debian calls them: ${packages[*]}" >&2
        exit 1
    elif [ "$(id -u)" = 0 ]; then
        root=()
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        root=(sudo)
    else
        echo "build.sh: some tools are missing. Run this once, then try again:" >&2
        echo "  sudo apt-get update && sudo $install" >&2
        exit 1
    fi
    echo "Installing ${packages[*]} ..."
    log=$(mktemp)
    if ! { "${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        echo "build.sh: '$install' failed; its whole output is in $log" >&2
        exit 1
    fi
    rm -f "$log"
fi

# PowerShell: the one on PATH, else the .NET tool in out/tools, where the package feed has it.
pwsh=$(command -v pwsh || true)
if [ -z "$pwsh" ] && [ "$task" != clean ]; then
    if [ ! -x out/tools/pwsh ] && [ ! -e out/tools/.refused ]; then
        mkdir -p out/tools
        echo "Installing PowerShell into out/tools ..."
        dotnet tool install PowerShell --version '7.6.*' --tool-path out/tools >/dev/null 2>&1 </dev/null || touch out/tools/.refused
    fi
    [ ! -x out/tools/pwsh ] || pwsh=$PWD/out/tools/pwsh
fi
if [ -n "$pwsh" ] && ! "$pwsh" -NoProfile -NonInteractive -Command 'exit [int]($PSVersionTable.PSVersion -lt [version]"7.6")' </dev/null; then
    echo "PowerShell at $pwsh is older than 7.6 and is left aside."
    pwsh=
fi

if [ -n "$pwsh" ]; then
    switches=()
    [ $guest = false ] || switches+=(-Guest)
    [ $record = false ] || switches+=(-Record)
    [ -z "$of" ] || switches+=(-Of "$of")
    [ -z "$minutes" ] || switches+=(-Minutes "$minutes")
    exec "$pwsh" -NoProfile -File build.ps1 -Task "$task" "${switches[@]}"
fi

[ "$task" = clean ] || echo "PowerShell 7.6 (pwsh) is not on PATH and not to be had from the package feed: going on without it."
exit=0
dotnet msbuild build/MomentTools.proj -nologo -v:m "-t:$task" "-p:Record=$record" "-p:Of=${of//,/%2c}" "-p:Minutes=$minutes" || exit=$?
if [ "$task" = test ] && [ -e out/test/summary.txt ]; then cat out/test/summary.txt; fi
[ $exit = 0 ] || exit $exit
case $task in
    tour) [ $guest = false ] && exec dotnet out/tour/MomentTools.Tour.dll || exec dotnet out/tour/MomentTools.Tour.dll --guest ;;
    bench) [ $record = false ] && exec dotnet out/bench/MomentTools.Bench.dll || exec dotnet out/bench/MomentTools.Bench.dll --record docs/benchmarks.md ;;
esac
