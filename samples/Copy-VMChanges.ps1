#Requires -Version 7.6
#Requires -Modules MomentTools
<#
.SYNOPSIS
A nightly backup that is pulled by programs that everybody has: nbdcopy, nbdinfo, qemu-img and qemu-io.
.DESCRIPTION
The first night each disk is copied whole, into DIRECTORY/VM/NIGHT/DISK.raw. Every later night only what was written since is copied, into
a DISK.qcow2 that has the night before below it, so that qemu-img reads every night as a whole disk. All disks of a night are from one instant,
the machine works on meanwhile, and the next night begins at exactly that instant. Where it is not proven what changed on a disk, that disk is
copied whole again, with a warning. A night that fails leaves nothing; the next one has what it would have had.

Copy it, and make it yours.
.EXAMPLE
./Copy-VMChanges.ps1 web1 /backup
.EXAMPLE
qemu-img convert -O raw /backup/web1/night-20261121-020000/vda.qcow2 ./vda.raw
#>
param(
    [Parameter(Mandatory)][string] $VM,
    [Parameter(Mandatory)][string] $Directory
)
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
$piece = [long] 64MB

# Copies what the export calls dirty into a new qcow2 over the disk of the night before.
function Copy-Change($Export, [IO.FileInfo] $Below, [string] $Path) {
    # Reading with copy-on-read (-C) fetches exactly the clusters that are read from what lies below: the export, for now.
    qemu-img create -q -f qcow2 -b "$($Export.Uri)" -F raw $Path
    # A piece at a time: qemu-io takes as much memory as it reads at once, and reads no more than 2 GiB.
    nbdinfo --json "--map=$($Export.Context)" $Export.Uri | ConvertFrom-Json | Where-Object type -EQ 1 | ForEach-Object {
        $end = $_.offset + $_.length
        for ($at = $_.offset; $at -lt $end; $at += $piece) { "read -q $at $([math]::Min($piece, $end - $at))" }
    } | qemu-io -C -f qcow2 $Path | Out-Null
    qemu-img rebase -u -b "../$($Below.Directory.Name)/$($Below.Name)" -F $Below.Extension.TrimStart('.') $Path
}

$night = "night-$([datetime]::UtcNow.ToString('yyyyMMdd-HHmmss'))"
$folder = (New-Item -ItemType Directory (Join-Path $Directory $VM) -Force).FullName
$checkpoints = @(Get-VMCheckpoint $VM).Name
$last = Get-ChildItem $folder -Directory | Where-Object Name -In $checkpoints | Sort-Object Name | Select-Object -Last 1
$partial = (New-Item -ItemType Directory "$folder/$night.partial").FullName
$complete = $false
try {
    # If this script is killed, the block snapshot ends by itself.
    $snapshot = New-VMBlockSnapshot $VM $night -NewCheckpoint $night -Lease 12h
    foreach ($disk in $snapshot.Disks.Name) {
        $below = $last ? (Get-ChildItem $last.FullName -File | Where-Object BaseName -EQ $disk) : $null
        if ($below) {
            try { $export = $snapshot | Start-VMBlockExport -Disk $disk -Since $last.Name }
            catch {
                Write-Warning "$disk is copied whole. $_"
                $below = $null
            }
        }
        if ($below) { Copy-Change $export $below "$partial/$disk.qcow2" }
        else {
            $export = $snapshot | Start-VMBlockExport -Disk $disk
            nbdcopy $export.Uri "$partial/$disk.raw"
        }
        $export | Stop-VMBlockExport -Confirm:$false
    }
    Rename-Item $partial $night
    $complete = $true
    Get-Item "$folder/$night"
}
finally {
    Get-VMBlockExport $VM | Where-Object Snapshot -EQ $night | Stop-VMBlockExport -Confirm:$false
    Get-VMBlockSnapshot $VM | Where-Object Name -EQ $night | Remove-VMBlockSnapshot -Confirm:$false
    # Only the newest night's checkpoint is needed; after a failure that is still the one before.
    $needed = $complete ? $night : $last.Name
    Get-VMCheckpoint $VM | Where-Object { $_.Name -match '^night-\d{8}-\d{6}$' -and $_.Name -ne $needed } | Remove-VMCheckpoint -Confirm:$false
    if (-not $complete) { Remove-Item $partial -Recurse -Force }
}
