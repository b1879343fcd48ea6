#Requires -Version 7.6
#Requires -Modules MomentTools
<#
.SYNOPSIS
Moves a stopped machine with all its moments, branches and images to another host, by way of a directory.
.DESCRIPTION
On the old host -To fills a directory: the machine's definition and moments in one document, every image and memory file that any of its branches
stands on, and the sums of all of them. Bring it to the new host with anything that keeps the times of files (rsync -aS, tar --sparse, cp -a),
or use a directory that both hosts see. There -From puts the files to where they were, compares them with their sums, registers the
machine, and tests it; the next backup is an increment. If anything fails, none of its files is left.

The old host keeps everything until you say so. When the machine runs on the new one, forget it on the old one, and remove its files:
    Unregister-VMDomain web1 -RemoveMetadata -KeepBitmaps

Not moved: CD-ROM images, kernels and firmware of the host, what is kept for Undo-VMSnapshot, and backup repositories, which can be used as they are
by whichever host sees them. Copy it, and make it yours.
.EXAMPLE
./Move-VMDomain.ps1 web1 -To /mnt/transfer/web1
.EXAMPLE
./Move-VMDomain.ps1 -From /mnt/transfer/web1
#>
[CmdletBinding(DefaultParameterSetName = 'To')]
param(
    [Parameter(Mandatory, Position = 0, ParameterSetName = 'To')][string] $VM,
    [Parameter(Mandatory, ParameterSetName = 'To')][string] $To,
    [Parameter(Mandatory, ParameterSetName = 'From')][string] $From
)
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

# The files that the exported document names, and those beneath the disks that it does not.
function Get-MachineFile([xml] $Document) {
    $disks = $Document.SelectNodes("/domain/devices/disk[not(@device) or @device = 'disk']/source/@file").Value
    foreach ($disk in $disks) { (qemu-img info -U --backing-chain --output=json $disk | ConvertFrom-Json).filename }
    # Layers of all branches, memory of snapshots and branches, and the firmware's variables.
    $Document.SelectNodes("//*[local-name() = 'layer']/@path | //*[local-name() = 'memory']/@file | //*[local-name() = 'branch']/@memory | /domain/os/nvram/text()").Value
}

if ($To) {
    $domain = Get-VMDomain $VM
    if ($domain.State -ne 'Stopped') { throw "'$VM' is $($domain.State): stop it first, or what it writes meanwhile is in no copy." }
    $broken = @(Test-VMMoment $VM -Detailed | Where-Object Severity -EQ Error)
    if ($broken) { throw "'$VM' is not sound, so nothing is moved: $($broken[0].Text) See Test-VMMoment $VM -Detailed." }
    $folder = (New-Item -ItemType Directory $To).FullName
    $complete = $false
    try {
        $document = Export-VMMoment $VM -Path "$folder/machine.xml"
        [xml] $definition = Get-Content $document.FullName -Raw
        $elsewhere = $definition.SelectNodes("/domain/devices/disk[not(@device) or @device = 'disk'][not(source/@file)]/target/@dev").Value
        if ($elsewhere) { throw "The disks $($elsewhere -join ', ') of '$VM' are no files, and would stay behind." }
        $files = @([Linq.Enumerable]::Distinct([string[]]@(Get-MachineFile $definition | Where-Object { $_ })))
        $missing = @($files | Where-Object { -not (Test-Path -LiteralPath $_ -PathType Leaf) })
        if ($missing) { throw "'$VM' needs $($missing -join ', '), which is not there." }
        $links = @($files | Where-Object { (Get-Item -LiteralPath $_ -Force).LinkType -eq 'SymbolicLink' })
        if ($links) { throw "'$VM' names $($links -join ', '), which is a link: what it leads to would stay behind. Name the image itself with Register-VMDomain -Update." }
        New-Item -ItemType Directory "$folder/files" | Out-Null
        # Sparse files stay sparse, and times stay what they are: by them the new host knows its layers again.
        $names = @($files | ForEach-Object { $_.TrimStart('/') })
        Push-Location -LiteralPath /
        try { cp --archive --sparse=always --parents -- @names "$folder/files" }
        finally { Pop-Location }
        Push-Location -LiteralPath "$folder/files"
        try { sha256sum -- @names | Set-Content "$folder/SHA256SUMS" }
        finally { Pop-Location }
        if ((Get-VMDomain $VM).State -ne 'Stopped') { throw "'$VM' was started meanwhile." }
        $complete = $true
        Get-Item $folder
    }
    finally { if (-not $complete) { Remove-Item $folder -Recurse -Force } }
    return
}

$folder = (Resolve-Path -LiteralPath $From).Path
$files = @(Get-ChildItem "$folder/files" -File -Recurse -Force | ForEach-Object { $_.FullName.Substring("$folder/files".Length) })
$taken = @($files | Where-Object { Test-Path -LiteralPath $_ })
if ($taken) { throw "Nothing was done: $($taken -join ', ') is there already." }
$sums = @(Get-Content -LiteralPath "$folder/SHA256SUMS")
if ($sums.Count -ne $files.Count) { throw "Nothing was done: there are $($files.Count) files, and the sums of $($sums.Count)." }
Push-Location -LiteralPath "$folder/files"
try { sha256sum --check --strict --quiet ../SHA256SUMS }
finally { Pop-Location }
$placed = [Collections.Generic.List[string]]::new()
$machine = $null
$complete = $false
try {
    foreach ($file in $files) {
        New-Item -ItemType Directory (Split-Path $file) -Force | Out-Null
        # The sums took their time, and what is not ours is neither written to nor removed.
        if (Test-Path -LiteralPath $file) { throw "$file came there meanwhile." }
        $placed.Add($file)
        cp --archive --sparse=always --no-clobber -- "$folder/files$file" $file
    }
    # That the document has moments as well is what the next line is about.
    $machine = Register-VMDomain -Path "$folder/machine.xml" -WarningAction Ignore
    if (([xml](Get-Content "$folder/machine.xml" -Raw)).SelectNodes('/domain/checkpoints/* | /domain/snapshots/*').Count) {
        Import-VMMoment $machine -Path "$folder/machine.xml" | Out-Null
    }
    $broken = @(Test-VMMoment $machine -Detailed | Where-Object Severity -EQ Error)
    if ($broken) { throw "What arrived is not sound: $($broken.Text -join ' ')" }
    $complete = $true
    Get-VMDomain $machine.Name
}
finally {
    if (-not $complete) {
        if ($machine) { Unregister-VMDomain $machine -RemoveMetadata -KeepBitmaps -Confirm:$false }
        $placed | Where-Object { Test-Path -LiteralPath $_ } | Remove-Item -Force
    }
}
