# What the Ctrl-C test knows of its machine: what was written to it when, what each of its backups must hold, and what may be left.

Import-Module $PSScriptRoot/Support.psm1, $PSScriptRoot/Serving.psm1

$script:block = 64KB
$script:blocks = 256
$script:now = $null

# Content is block -> pattern; Since is, of each checkpoint that is kept to the end, what was written after it.
function New-Story([string] $Place, [string] $VM) {
    $script:place, $script:vm = $Place, $VM
    $script:now = @{ Content = @{}; Since = @{} }
    $script:backups = @{}
    $script:pattern = 0
    $script:loose = $false
}

function Copy-Story($Of = $script:now) {
    $since = @{}
    foreach ($name in $Of.Since.Keys) { $since[$name] = $Of.Since[$name].Clone() }
    @{ Content = $Of.Content.Clone(); Since = $since }
}

# The machine is where it was then: what was written since that copy is on no path any more.
function Set-Story($To, [switch] $Loose) {
    $script:loose = $script:loose -or $Loose
    $since = $script:now.Since
    $script:now = Copy-Story $To
    # A checkpoint taken later than what was gone back to has no place in this story.
    if ($Loose) { $script:now.Since = $since }
}

function Write-Story([int] $Count = 4, [random] $Random = [random]::new()) {
    $commands = for (; $Count; $Count--) {
        $at = $Random.Next($script:blocks)
        $script:pattern = $script:pattern % 255 + 1
        $script:now.Content[$at] = $script:pattern
        foreach ($since in $script:now.Since.Values) { $since[$at] = $true }
        "write -P $script:pattern $($at * 64)k 64k"
    }
    $machine = Get-VMDomain $script:vm
    if ($machine.State -eq 'Stopped') { Write-Disk $machine.Disks[0].Path $commands } else { Write-LiveDisk $script:vm $commands }
}

# A checkpoint that stays to the end.
function Add-Mark([string] $Name) {
    New-VMCheckpoint $script:vm $Name | Out-Null
    $script:now.Since[$Name] = @{}
}

# The backups that there are now and were not before: each holds what the disk does.
function Add-Backup([string] $Repository) {
    if (-not (Test-Path $Repository/*)) { return }
    $there = @(Get-VMBackup $script:vm $Repository)
    foreach ($one in $there) { if (-not $script:backups.ContainsKey($one.Id)) { $script:backups[$one.Id] = (Copy-Story).Content } }
    foreach ($id in @($script:backups.Keys)) { if ($id -notin $there.Id) { $script:backups.Remove($id) } }
}

function Get-Backup([string] $Id) { @{ Content = $script:backups[$Id]; Since = @{} } }

# The content as a raw image, for qemu-img to compare with.
function Save-Content([hashtable] $Content, [string] $Path) {
    $file = [IO.File]::Create($Path)
    try {
        $file.SetLength($script:blocks * $script:block)
        $bytes = [byte[]]::new($script:block)
        foreach ($at in $Content.Keys) {
            [Array]::Fill[byte]($bytes, $Content[$at])
            $file.Position = $at * $script:block
            $file.Write($bytes)
        }
    }
    finally { $file.Dispose() }
}

# Nothing, or what differs between an image and what it must hold.
function Compare-Image([string] $Path, [hashtable] $Content) {
    $expected = "$script:place/expected.raw"
    Save-Content $Content $expected
    $said = qemu-img compare -U -F raw -f ($Path -like '*.raw' ? 'raw' : 'qcow2') $Path $expected
    if ($LASTEXITCODE) { "${Path}: $said" }
    Remove-Item $expected
}

# What is not as the story tells: the disk, every mark, every backup.
function Test-Story([string] $Repository) {
    $machine = Get-VMDomain $script:vm
    if ($machine.State -ne 'Stopped') { Write-LiveDisk $script:vm 'flush' }
    Compare-Image $machine.Disks[0].Path $script:now.Content
    foreach ($name in $script:now.Since.Keys) {
        $told = @{}
        Get-VMChangedBlock $script:vm -Since $name | ForEach-Object { for ($at = $_.Offset; $at -lt $_.Offset + $_.Length; $at += $script:block) { $told[[int]($at / $script:block)] = $true } }
        $written = $script:now.Since[$name]
        $lacks = @($written.Keys | Where-Object { -not $told.ContainsKey($_) })
        if ($lacks) { "TOO SMALL since ${name}: the blocks $($lacks -join ' ') are not told" }
        if (-not $script:loose -and $told.Count -ne $written.Count) { "since ${name}: $($told.Count) blocks are told, $($written.Count) were written" }
    }
    foreach ($id in $script:backups.Keys) {
        $restored = Restore-VMBackup $script:vm $Repository -Id $id -Destination "$script:place/end" -Confirm:$false
        Compare-Image $restored.Path $script:backups[$id]
        Remove-Item "$script:place/end" -Recurse -Force
    }
    Test-VMBackup $script:vm $Repository -Detailed | ForEach-Object { "backup: $($_.Message)" }
}

# What there is besides the machine's own: nothing, where everything was unwound.
# -AtOnce: with what the command made or was to end, if it came so far.
function Get-Remain([string] $Repository, [string] $State, [string[]] $Files, [int] $Nodes, [switch] $AtOnce) {
    $machine = Get-VMDomain $script:vm
    if ($State -and $machine.State -ne $State) { "the machine is $($machine.State), and was $State" }
    Get-ChildItem "$script:place/home" -Recurse -Force -File | Where-Object { $_.Directory.Name -eq 'journal' -or $_.Directory.Parent.Name -eq 'journal' -or $_.Name -match '\.(partial|aside|new|tmp)$|^\.' } | ForEach-Object { "the file $($_.FullName)" }
    Get-ChildItem "$script:place/home/domains" -Force -Directory | Where-Object Name -Like '.*' | ForEach-Object { "the directory $($_.FullName)" }
    if (Test-Path $Repository) { Get-ChildItem $Repository -Recurse -Force | Where-Object Name -Match '\.(partial|aside|gone|new|tmp)$' | ForEach-Object { "in the repository $($_.FullName)" } }
    Test-VMMoment $script:vm -Detailed | ForEach-Object { "$($_.Id): $($_.Text)" }
    # From a layer that is written no more nothing is removed: it goes with the layer.
    Get-VMBitmap $script:vm | Where-Object { $_.Name -match '^mt-(tmp|inc)' -or ($_.State -eq 'Foreign' -and $_.Path -in $machine.Disks.Path) } | ForEach-Object { "the bitmap $($_.Name)" }
    if (-not $AtOnce) {
        Get-VMBlockSnapshot $script:vm | ForEach-Object { "the block snapshot $($_.Name)" }
        Get-VMBlockExport $script:vm | ForEach-Object { "the export $($_.ExportName)" }
        Get-StorageDaemon $script:place | ForEach-Object { "the storage daemon $_" }
    }
    if ($machine.State -ne 'Stopped') {
        Invoke-VMQmpCommand $script:vm query-jobs | ForEach-Object { "the job $($_.id) ($($_.status))" }
        if (-not $AtOnce) { Invoke-VMQmpCommand $script:vm query-block-exports | ForEach-Object { "QEMU's export $($_.id)" } }
        $there = @(Invoke-VMQmpCommand $script:vm query-named-block-nodes @{ flat = $true })
        if ($Nodes -and $there.Count -ne $Nodes) { "$($there.Count) nodes, where $Nodes were: $($there.'node-name' -join ' ')" }
    }
    if ($Files) { Get-File | Where-Object { $_ -notin $Files } | ForEach-Object { "the file $_" } }
}

# All files beside the state and the repositories.
function Get-File {
    Get-ChildItem $script:place -Force | Where-Object Name -NotIn 'home', 'run', 'repo', 'terminal.ps1' | ForEach-Object FullName
    Get-ChildItem "$script:place/run" -Recurse -Force -File | Where-Object Name -NotMatch '^(qmp2?|pid|qemu\.pid|console.*)$' | ForEach-Object FullName
}

Export-ModuleMember -Function *
