#Requires -Version 7.6
<#
.SYNOPSIS
A machine's week in a minute: checkpoints, what changed between them, backups, the loss of its disks, and their return.
.DESCRIPTION
Makes two small disks and a machine in a scratch directory, and keeps its state there too. Nothing of yours is touched,
and nothing is left behind, also after Ctrl-C. Exit code 0 means that every byte came back.
.EXAMPLE
./build.sh tour
.EXAMPLE
./build.sh tour -Guest
#>
[CmdletBinding()]
param(
    # Boot a small Linux that does the writing; without it QEMU itself writes, through the guest's own disk devices.
    [switch] $Guest
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$module = Get-ChildItem (Join-Path $PSScriptRoot ../out/MomentTools) -Filter MomentTools.psd1 -Recurse -ErrorAction Ignore |
    Sort-Object { [version]$_.Directory.Name } | Select-Object -Last 1
if (-not $module) { throw 'The module is not built: ./build.sh build' }
Import-Module $module.FullName

$vm = 'tour'
$disks = 'vda', 'vdb'
$scratch = Join-Path ([IO.Path]::GetTempPath()) "mt-tour-$PID"
$serial = "$scratch/serial.log"
$doubts = [Collections.Generic.List[string]]::new()

function Write-Chapter([string] $Title) { Write-Host "`n== $Title" -ForegroundColor Cyan }

# Runs one of QEMU's own tools; they make the disks, and they are the judge at the end.
function Invoke-Tool([string] $Name) {
    $words = & $Name @args 2>&1 | Out-String
    if ($LASTEXITCODE) { throw "$Name ended with ${LASTEXITCODE}: $words" }
}

# The human monitor reports failure as text in an answer that claims success.
function Invoke-QemuIo([string] $Disk, [string] $Command) {
    $line = "qemu-io -d /machine/peripheral/mt-$Disk/virtio-backend `"$Command`""
    $answer = Invoke-VMQmpCommand $vm human-monitor-command @{ 'command-line' = $line }
    if ("$answer".Trim()) { throw "'$Command' on ${Disk}: $answer" }
}

function Write-Disk([string] $Disk, [byte] $Pattern, [long] $Offset, [long] $Length) {
    if ($Guest) { return }
    Invoke-QemuIo $Disk ('write -P 0x{0:x2} {1} {2}' -f $Pattern, $Offset, $Length)
    '   {0}: {1} KiB of 0x{2:x2} at {3} KiB' -f $Disk, ($Length / 1KB), $Pattern, ($Offset / 1KB) | Write-Host
}

function Measure-GuestWrite { @(Select-String 'the guest wrote' $serial -ErrorAction Ignore).Count }

function Wait-GuestWrite([int] $Blocks = 15) {
    if (-not $Guest) { return }
    $before = Measure-GuestWrite
    $deadline = [datetime]::UtcNow.AddMinutes(2)
    while ((Measure-GuestWrite) -lt $before + $Blocks) {
        if ([datetime]::UtcNow -gt $deadline) { throw "The guest does not write: its serial port said`n$(Get-Content $serial -Raw)" }
        Start-Sleep -Milliseconds 100
    }
    Write-Host "   the guest has written $(Measure-GuestWrite) blocks to each disk"
}

$exit = $null
$savedHome, $savedRuntime = $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR
try {
    New-Item $scratch -ItemType Directory | Out-Null
    $env:MOMENTTOOLS_HOME = "$scratch/state"
    $env:XDG_RUNTIME_DIR = $scratch

    Write-Chapter 'A machine with two disks, registered and started'
    foreach ($disk in $disks) { Invoke-Tool qemu-img create -q -f qcow2 "$scratch/$disk.qcow2" 64M }
    $boot = $port = ''
    if ($Guest) {
        Invoke-Tool bash "$PSScriptRoot/guest/make.sh" "$scratch/guest"
        $boot = "<kernel>$scratch/guest/vmlinuz</kernel><initrd>$scratch/guest/initrd.gz</initrd><cmdline>console=ttyS0 quiet panic=-1</cmdline>"
        $port = "<serial type='file'><source path='$serial'/><target port='0'/></serial>"
    }
    $devices = foreach ($disk in $disks) {
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$scratch/$disk.qcow2'/><target dev='$disk' bus='virtio'/></disk>"
    }
    Set-Content "$scratch/$vm.xml" @"
<domain type='qemu'>
  <name>$vm</name>
  <uuid>$(New-Guid)</uuid>
  <memory unit='MiB'>$($Guest ? 128 : 64)</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>$boot</os>
  <devices>$devices$port</devices>
</domain>
"@
    Register-VMDomain -Path "$scratch/$vm.xml" | Out-Null
    Start-VMDomain $vm -Paused:(-not $Guest) | Out-Host

    Write-Chapter 'Checkpoints monday and tuesday, with writes around them'
    Wait-GuestWrite
    Write-Disk vda 0x11 0 4MB
    Write-Disk vdb 0x21 8MB 1MB
    New-VMCheckpoint $vm monday | Out-Host
    Wait-GuestWrite
    Write-Disk vda 0x12 128KB 64KB
    New-VMCheckpoint $vm tuesday | Out-Host
    Wait-GuestWrite
    Write-Disk vda 0x13 32MB 256KB
    Write-Disk vdb 0x23 8MB 128KB

    Write-Chapter 'The tree'
    Get-VMMoment $vm -Tree | Out-Host
    Get-VMCheckpoint $vm -Size | ForEach-Object { $checkpoint = $_; $_.Disks | Select-Object @{ n = 'Checkpoint'; e = { $checkpoint.Name } }, Name, Bitmap, State, Size } |
        Format-Table | Out-Host

    Write-Chapter 'What was written since monday'
    Get-VMChangedBlock $vm -Since monday -Measure | Out-Host
    $changed = @(Get-VMChangedBlock $vm -Since monday)
    $changed | Select-Object -First 10 | Out-Host
    if ($changed.Count -gt 10) { Write-Host "   ... and $($changed.Count - 10) more" }
    if (-not $Guest) {
        $expected = 'vda 131072 65536', 'vda 33554432 262144', 'vdb 8388608 131072'
        $actual = $changed | ForEach-Object { "$($_.Disk) $($_.Offset) $($_.Length)" }
        if (Compare-Object $expected $actual) { $doubts.Add("the changed blocks since monday are $($actual -join ', '), not exactly what was written") }
    }

    Write-Chapter 'A full backup, more writes, and an incremental one'
    $full = Backup-VMDomain $vm -Repository "$scratch/backup"
    Wait-GuestWrite
    Write-Disk vda 0x14 48MB 512KB
    Write-Disk vdb 0x24 0 64KB
    Suspend-VMDomain $vm | Out-Null
    foreach ($disk in $disks) { Invoke-QemuIo $disk flush }
    $incremental = Backup-VMDomain $vm -Repository "$scratch/backup"
    # The judge's own copy, made by QEMU's tool while the machine holds still.
    foreach ($disk in $disks) { Invoke-Tool qemu-img convert -U -f qcow2 -O raw "$scratch/$disk.qcow2" "$scratch/$disk.expected" }
    if ($Guest) { Resume-VMDomain $vm | Out-Null }
    Get-VMBackup $vm -Repository "$scratch/backup" | Out-Host
    $full, $incremental | ForEach-Object { $backup = $_; $_.Disks | Select-Object @{ n = 'Backup'; e = { $backup.Id } }, Name, Kind, CopiedBytes, StoredSize } |
        Format-Table | Out-Host
    if ($incremental.Disks.Kind -ne 'Incremental') { $doubts.Add('the second backup is not incremental') }

    Write-Chapter 'Later writes, which no backup has'
    Wait-GuestWrite
    Write-Disk vda 0x66 0 1MB

    Write-Chapter 'The machine stops, its disks are lost, and come back from the backup'
    Stop-VMDomain $vm -Force -Confirm:$false | Out-Null
    foreach ($disk in $disks) { Remove-Item "$scratch/$disk.qcow2" }
    $restored = @(Restore-VMBackup $vm -Repository "$scratch/backup" -Destination "$scratch/restored" -Confirm:$false)
    $restored | Out-Host
    foreach ($disk in $restored) {
        $words = qemu-img compare -f $disk.Format -F raw $disk.Path "$scratch/$($disk.Disk).expected" 2>&1 | Out-String
        if ($LASTEXITCODE) { $doubts.Add("$($disk.Disk): $($words.Trim())") }
        Write-Host "   $($disk.Disk): $($words.Trim())"
    }
    if ($restored.Count -ne $disks.Count) { $doubts.Add("$($restored.Count) disks came back, not $($disks.Count)") }

    Write-Chapter 'Verdict'
    foreach ($doubt in $doubts) { Write-Host "   WRONG: $doubt" -ForegroundColor Red }
    Write-Host ($doubts.Count ? '   The tour did not end as it should.' : '   Every byte of both disks is back as it was at the instant of the second backup.')
    $exit = [int]($doubts.Count -gt 0)
}
catch {
    Write-Host "$($_.FullyQualifiedErrorId): $($_.Exception.Message)" -ForegroundColor Red
    if ($_.ErrorDetails.RecommendedAction) { Write-Host $_.ErrorDetails.RecommendedAction }
    Write-Host "   at line $($_.InvocationInfo.ScriptLineNumber): $($_.InvocationInfo.Line.Trim())"
    $exit = 1
}
finally {
    # Also after Ctrl-C: then PowerShell runs this block and nothing below it.
    # Its disks were thrown away: that they cannot be looked at is no news here.
    if (Get-VMDomain $vm -ErrorAction Ignore -WarningAction Ignore | Where-Object State -ne Stopped) {
        $process = (Get-VMDomain $vm -WarningAction Ignore).ProcessId
        Stop-VMDomain $vm -Force -Confirm:$false -ErrorAction Ignore | Out-Null
        if ($process) { Get-Process -Id $process -ErrorAction Ignore | Where-Object ProcessName -like 'qemu*' | Stop-Process -Force }
    }
    Remove-Item $scratch -Recurse -Force -ErrorAction Ignore
    $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR = $savedHome, $savedRuntime
    # After Ctrl-C a script that pwsh was started for would end with 0, as if all were well.
    if ($null -eq $exit -and [Environment]::GetCommandLineArgs() -contains '-File') { [Environment]::Exit(130) }
}
exit $exit
