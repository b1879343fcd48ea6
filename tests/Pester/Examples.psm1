# The stage on which the examples of the help pages are run as they are printed, but for paths, ids and addresses of this host.

Import-Module $PSScriptRoot/Support.psm1
Import-Module $PSScriptRoot/Serving.psm1

$script:written = 0

# The examples of a page: title, code and words.
function Get-Example([string] $Path) {
    $section = [regex]::Match((Get-Content $Path -Raw), '(?ms)^## EXAMPLES\n(.*?)^## PARAMETERS').Groups[1].Value
    foreach ($match in [regex]::Matches($section, '(?ms)^### Example (\d+): (.+?)\n\n```powershell\n(.+?)\n```\n\n(.+?)\n\n(?=###|\z)')) {
        [pscustomobject]@{ Number = [int]$match.Groups[1].Value; Title = $match.Groups[2].Value; Code = $match.Groups[3].Value; Words = $match.Groups[4].Value }
    }
}

# Whether an example changes nothing, so that many can share a stage.
function Test-Reading([string] $Code) {
    $tree = [Management.Automation.Language.Parser]::ParseInput($Code, [ref]$null, [ref]$null)
    $calls = $tree.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)
    -not ($calls | Where-Object { $_.GetCommandName() -match '^\w+-VM' -and $_.GetCommandName() -notmatch '^(Get|Test|Compare)-' -and "$_" -notmatch '-WhatIf' })
}

# A line of writes to what the machine's first disk is now, each to another place.
function Write-Stage {
    $script:written++
    Write-Disk (Get-VMDomain web1).Disks[0].Path "write -P 17 $($script:written % 60)M 64k"
}

# web1 with two disks and a week of checkpoints, and with more than -Plain a snapshot, another branch from it, and backups.
function Initialize-Stage([string] $Place, [switch] $Plain, [switch] $Backup) {
    foreach ($folder in 'backup', 'scratch', 'snapshots', 'fast', 'slow', 'images', 'media') { New-Item -ItemType Directory "$Place/$folder" | Out-Null }
    New-Disk "$Place/images/web1-a.qcow2"
    New-Disk "$Place/images/web1-b.qcow2"
    $serial = "<serial type='pty'><target port='0'/></serial>"
    Set-Content "$Place/web1.xml" (Get-DomainXml web1 "$Place/images/web1-a.qcow2", "$Place/images/web1-b.qcow2").Replace('</devices>', "$serial</devices>")
    Register-VMDomain "$Place/web1.xml" | Out-Null
    foreach ($name in 'sunday', 'monday', 'tuesday') {
        New-VMCheckpoint web1 $name | Out-Null
        Write-Stage
    }
    if ($Backup) {
        Backup-VMDomain web1 "$Place/backup" | Out-Null
        Write-Stage
        Backup-VMDomain web1 "$Place/backup" | Out-Null
    }
    if (-not $Plain) {
        New-VMSnapshot web1 clean -DiskOnly | Out-Null
        New-VMBranch web1 try-upgrade -From clean | Out-Null
    }
    foreach ($name in 'wednesday', 'friday') {
        Write-Stage
        New-VMCheckpoint web1 $name | Out-Null
    }
}

function Add-Machine([string] $Place, [string] $Name) {
    New-Disk "$Place/images/$Name-a.qcow2"
    New-Disk "$Place/images/$Name-b.qcow2"
    Register-VMDomain -Xml (Get-DomainXml $Name "$Place/images/$Name-a.qcow2", "$Place/images/$Name-b.qcow2") | Out-Null
}

# A machine that shuts down a little after it was asked to. There is no guest that would, so QEMU is told to.
function Start-ObedientMachine([string] $Name) {
    $process = (Start-VMDomain $Name).ProcessId
    Start-Process bash -ArgumentList '-c', "`"sleep 1; kill -TERM $process`""
}

# A disk that says 'login:' on the serial console when it is started: a boot sector that writes it byte by byte.
function Write-Login([string] $Place, [string] $Disk) {
    $code = @(0xba, 0xf8, 0x03) + ([byte[]][char[]]'login:' | ForEach-Object { 0xb0, $_, 0xee }) + @(0xeb, 0xfe)
    [IO.File]::WriteAllBytes("$Place/sector", [byte[]]($code + @(0) * (510 - $code.Count) + @(0x55, 0xaa)))
    Write-Disk $Disk "write -s $Place/sector 0 512"
}

# The code with what this host has in place of what it has not.
function Convert-Example([string] $Code, [string] $Place) {
    $backups = @(Get-ChildItem "$Place/backup/web1" -Directory -ErrorAction Ignore | Sort-Object Name)
    $Code -replace "(?<=[\s'`"=(])/(backup|restore|media/usb|srv/vms|scratch|snapshots|fast|slow|var/lib/images|var/lib/libvirt|run|etc)\b", "$Place/`$1" -replace
        '192\.0\.2\.10:10809', '127.0.0.1:0' -replace '2026-11-20 18:00', '2099-01-01' -replace '-BootTimeout 0:10', '-BootTimeout 0:01' -replace
        '\d{8}T\d{6}Z-[0-9a-f]{4}', ($backups ? $backups[-1].Name : 'none')
}

# What has to be done before an example, by its name; Plain where the machine may have no snapshots.
$script:plain = 'Export-VMMoment 4', 'Import-VMMoment 1', 'Import-VMMoment 2', 'Import-VMMoment 3', 'Import-VMMoment 4', 'Import-VMMoment 5',
'New-VMSnapshot 1', 'New-VMSnapshot 2', 'New-VMSnapshot 3', 'New-VMSnapshot 4', 'New-VMSnapshot 5', 'Use-VMSnapshot 3', 'Unregister-VMDomain 1',
'New-VMCheckpoint 1', 'New-VMCheckpoint 2', 'New-VMCheckpoint 3', 'New-VMCheckpoint 4', 'New-VMCheckpoint 5', 'Register-VMDomain 1', 'Register-VMDomain 2', 'Register-VMDomain 3', 'Register-VMDomain 4'
$runs = { Start-VMDomain web1 -Paused | Out-Null }
$onlyMain = { Remove-VMBranch web1 try-upgrade -UndoFor 0 -Confirm:$false }
$tonight = { New-VMBlockSnapshot web1 tonight | Out-Null }
$forgotten = { Unregister-VMDomain web1 -RemoveMetadata -KeepBitmaps -Confirm:$false }
$stray = { Add-VMBitmap backup-0 }
$script:before = @{
    'Backup-VMDomain 4'       = { Add-Machine $place db1 }
    'Compare-VMMoment 3'      = {
        New-VMCheckpoint web1 on-main | Out-Null
        Switch-VMBranch web1 try-upgrade
        New-VMCheckpoint web1 on-try-upgrade | Out-Null
    }
    'Get-VMBitmap 2'          = { Copy-Item $place/images/web1-b.qcow2 $place/disk.qcow2 }
    'Get-VMBitmap 3'          = { Copy-Item $place/images (New-Item -ItemType Directory $place/var/lib).FullName -Recurse }
    'Get-VMBlockExport 2'     = { Start-VMBlockExport web1 | Out-Null }
    'Get-VMBlockExport 4'     = { Start-VMBlockExport web1 | Out-Null }
    'Get-VMBlockSnapshot 1'   = $tonight
    'Get-VMBlockSnapshot 2'   = $tonight
    'Get-VMBlockSnapshot 4'   = $tonight
    'Get-VMChangedBlock 5'    = $runs
    'Import-VMMoment 1'       = {
        Export-VMMoment web1 -Path $place/backup/web1-moments.xml | Out-Null
        & $forgotten
    }
    'Import-VMMoment 2'       = { Export-VMMoment web1 -ForLibvirt -Path $place/var/lib/libvirt/qemu/checkpoint/web1 -Confirm:$false | Out-Null }
    'Import-VMMoment 3'       = $stray
    'Import-VMMoment 4'       = $stray
    'Import-VMMoment 5'       = {
        $global:printed = Export-VMMoment web1 friday
        Remove-VMCheckpoint web1 friday -Confirm:$false
    }
    'Invoke-VMQmpCommand 1'   = $runs
    'Invoke-VMQmpCommand 2'   = $runs
    'Invoke-VMQmpCommand 3'   = $runs
    'Merge-VMBackup 1'        = {
        Write-Stage
        Backup-VMDomain web1 $place/backup | Out-Null
    }
    'Merge-VMSnapshot 1'      = $onlyMain
    'Merge-VMSnapshot 2'      = $onlyMain
    'New-VMBlockSnapshot 2'   = $runs
    'New-VMBlockSnapshot 3'   = { Remove-VMCheckpoint web1 tuesday -Confirm:$false }
    'New-VMBlockSnapshot 5'   = $runs
    'New-VMBranch 1'          = $onlyMain
    'New-VMBranch 3'          = $onlyMain
    'New-VMCheckpoint 1'      = { Remove-VMCheckpoint web1 monday -Confirm:$false }
    'New-VMCheckpoint 4'      = { 'db1', 'web2' | ForEach-Object { Add-Machine $place $_ } }
    'New-VMCheckpoint 5'      = { New-VMCheckpoint web1 before-update | Out-Null }
    'New-VMSnapshot 3'        = { Add-Machine $place db1 }
    'New-VMSnapshot 5'        = $runs
    'Register-VMDomain 1'     = $forgotten
    'Register-VMDomain 2'     = {
        $global:printed = Get-Content $place/web1.xml
        & $forgotten
    }
    'Register-VMDomain 3'     = {
        $words = "-M none -nodefaults -display none -S -name build7 -qmp unix:$place/run/build7.qmp,server=on,wait=off"
        $global:printed = Start-Process qemu-system-x86_64 -ArgumentList $words -PassThru
        Wait-Until { Test-Path $place/run/build7.qmp } | Out-Null
    }
    'Register-VMDomain 4'     = $forgotten
    'Remove-VMBitmap 1'       = { Add-VMBitmap stray }
    'Remove-VMBlockSnapshot 1' = $tonight
    'Remove-VMBlockSnapshot 3' = $tonight
    'Remove-VMBranch 3'       = { New-VMBranch web1 test1 -From clean | Out-Null }
    'Remove-VMSnapshot 4'     = { Restore-VMSnapshot web1 clean | Out-Null }
    'Resume-VMDomain 1'       = $runs
    'Rename-VMBranch 2'       = { New-VMBranch web1 test1 -From clean | Out-Null }
    'Repair-VMMoment 2'       = { Start-ObedientMachine web1 }
    'Restore-VMBackup 2'      = { Start-ObedientMachine web1 }
    'Restore-VMSnapshot 2'    = $onlyMain
    'Restore-VMSnapshot 3'    = { Remove-VMCheckpoint web1 friday -Confirm:$false; & $runs }
    'Start-VMBlockExport 3'   = { Remove-VMCheckpoint web1 tuesday -Confirm:$false }
    'Start-VMBlockExport 5'   = {
        & $tonight
        New-Certificate $place/etc/pki/qemu (New-Authority ca) server | Out-Null
    }
    'Start-VMBlockExport 6'   = {
        New-Item -ItemType Directory $place/etc/qemu/psk | Out-Null
        Set-Content $place/etc/qemu/psk/keys.psk "alice:$('0123456789abcdef' * 4)"
    }
    'Start-VMBlockExport 8'   = { New-Disk $place/backup/vda.raw -Format raw }
    'Start-VMDomain 2'        = { Add-Machine $place test-1 }
    'Stop-VMBlockExport 1'    = { Start-VMBlockExport web1 | Out-Null }
    'Stop-VMBlockExport 3'    = { Start-VMBlockExport web1 | Out-Null }
    'Stop-VMBlockExport 5'    = {
        Start-VMBlockExport web1 | Out-Null
        Get-VMBlockExport web1 -AsXml | Set-Content $place/export.xml
    }
    'Stop-VMDomain 1'         = { Start-ObedientMachine web1 }
    'Stop-VMDomain 2'         = $runs
    'Suspend-VMDomain 1'      = { Start-VMDomain web1 | Out-Null }
    'Switch-VMBranch 2'       = $runs
    'Switch-VMBranch 3'       = $runs
    'Test-VMBackup 4'         = {
        Write-Login $place (Get-VMDomain web1).Disks[0].Path
        Backup-VMDomain web1 $place/backup | Out-Null
    }
    'Undo-VMSnapshot 2'       = { Restore-VMSnapshot web1 clean | Out-Null }
    'Unregister-VMDomain 1'   = {
        & $forgotten
        Register-VMDomain $place/web1.xml | Out-Null
    }
    'Use-VMSnapshot 3'        = {
        New-VMCheckpoint web1 base | Out-Null
        New-VMSnapshot web1 release-1 -DiskOnly | Out-Null
    }
}

function Add-VMBitmap([string] $Name) { qemu-img bitmap --add (Get-VMDomain web1).Disks[0].Path $Name }

# The examples for which something is done first.
function Get-PreparedExample { @($script:before.Keys) + $script:plain | Sort-Object -Unique }

# Whether an example can share a stage with others: it reads, and needs nothing of its own.
function Test-Shared([string] $Name, [string] $Code) { (Test-Reading $Code) -and -not $script:before.ContainsKey($Name) }

# A stage of its own for an example that changes something.
function Initialize-OwnStage([string] $Place, [string] $Name, [string] $Code) {
    Initialize-Stage $Place -Plain:($Name -in $script:plain) -Backup:($Code -match 'VMBackup|<incremental>|-Differential')
    if ($prepare = $script:before[$Name]) { & $prepare | Out-Null }
}

# Runs an example in a place and gives what it put out; its first error is thrown. Other programs are stood in for by what they print.
function Invoke-Example([string] $Code, [string] $Place) {
    Push-Location $Place
    try {
        & {
            function virsh { $global:printed }
            function It([string] $Name, [scriptblock] $Test) { & $Test }
            $ErrorActionPreference = 'Stop'
            $ConfirmPreference = 'None'
            # It asks in words of its own.
            $PSDefaultParameterValues = @{ 'Export-VMMoment:Confirm' = $false }
            $PSNativeCommandUseErrorActionPreference = $true
            . ([scriptblock]::Create((Convert-Example $Code $Place))) 6>$null 4>$null
        }
    }
    finally { Pop-Location }
}

Export-ModuleMember -Function *
