#Requires -Version 7.6
<#
.SYNOPSIS
Backs many machines up at once, and gives one row a machine.
.DESCRIPTION
So many machines as -ThrottleLimit says are backed up at a time, each as what changed since its last backup in the repository. One that
fails costs the others nothing: its row has the error, and its id; where there is no machine at all, that is an error. A machine that somebody else is changing just then is tried again
until -Patience has passed. With -KeepDaily older backups go afterwards, of those machines alone whose new one was made.

Copy it, and make it yours.
.EXAMPLE
./Backup-Fleet.ps1 /backup
.EXAMPLE
$rows = ./Backup-Fleet.ps1 /backup -VM web*, db* -ThrottleLimit 8 -KeepDaily 14 -Verify
$rows | Format-Table VM, Backup, Size, Seconds, Error
exit [int](@($rows | Where-Object Error).Count -gt 0)
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory, Position = 0)][string] $Repository,
    [Parameter(Position = 1)][string[]] $VM = '*',
    [ValidateRange(1, 256)][int] $ThrottleLimit = 4,
    [timespan] $Patience = '00:10:00',
    [ValidateRange(1, 3650)][int] $KeepDaily,
    # Read every new backup again, and compare it with its hashes.
    [switch] $Verify
)
# Each of the parallel sessions takes the very module that this one has.
$module = Join-Path (Get-Command Backup-VMDomain).Module.ModuleBase MomentTools.psd1
$Repository = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($Repository)

$machines = @(Get-VMDomain $VM -WarningAction SilentlyContinue -ErrorAction SilentlyContinue -ErrorVariable unseen)
# One that cannot even be looked at has its row, too.
$unseen | ForEach-Object {
    [pscustomobject]@{
        Host = [Environment]::MachineName; VM = "$($_.TargetObject)"; Backup = $null; Kind = $null; Size = $null; Seconds = $null
        Error = $_.Exception.Message; ErrorId = $_.FullyQualifiedErrorId -replace ',.*'
    }
}
if (-not $machines -and -not $unseen) { throw "No machine is registered here, or none of that name: nothing was backed up." }
$machines | ForEach-Object -ThrottleLimit $ThrottleLimit -Parallel {
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $machine = $_.Name
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $row = [ordered]@{ Host = [Environment]::MachineName; VM = $machine; Backup = $null; Kind = $null; Size = $null; Seconds = $null; Error = $null; ErrorId = $null }
    try {
        Import-Module $using:module
        while (-not $row.Backup) {
            try {
                $backup = Backup-VMDomain $machine -Repository $using:Repository
                $row.Backup, $row.Kind, $row.Size = $backup.Id, "$($backup.Kind)", $backup.Size
            }
            catch {
                if ($_.FullyQualifiedErrorId -notlike 'LockBusy,*' -or $clock.Elapsed -gt $using:Patience) { throw }
                Start-Sleep -Seconds 5
            }
        }
        if ($using:Verify -and -not ($backup | Test-VMBackup)) { throw "The new backup $($backup.Id) is not what was written: Test-VMBackup -Detailed says what is wrong." }
        if ($using:KeepDaily) { Remove-VMBackup $machine $using:Repository -KeepDaily $using:KeepDaily -Confirm:$false | Out-Null }
    }
    catch {
        $row.Error = $_.Exception.Message
        $row.ErrorId = $_.FullyQualifiedErrorId -replace ',.*'
    }
    $row.Seconds = [math]::Round($clock.Elapsed.TotalSeconds, 1)
    [pscustomobject] $row
}
