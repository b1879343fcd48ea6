#Requires -Version 7.6
#Requires -Modules MomentTools
<#
.SYNOPSIS
Backs up machines, tests what was stored, removes what the rules do not keep, and says what happened, for a timer or cron.
.DESCRIPTION
Each machine has its turn, whatever becomes of the others: a backup, a test of it with all that it stands on, the removal of old ones, and a copy of the
records of its moments beside the repository's machines. Nothing old is removed of a machine whose backup failed.

The output is plain text, a line a machine, the failures first, so that it can be mailed as it is. The exit code is 0 if everything went well, 1 if
something failed, 2 if nothing could be begun. With -Quiet nothing is said while all is well: cron mails only what is said.

samples/nightly has a systemd service with its timer, and a line for cron. The module has to be in a directory of PSModulePath, for all users
/usr/local/share/powershell/Modules. Copy it, and make it yours.
.EXAMPLE
pwsh -NoProfile -NonInteractive -File Backup-Nightly.ps1 -Repository /backup -KeepDaily 7 -KeepWeekly 4 -Quiet
#>
param(
    [Parameter(Mandatory)][string] $Repository,
    # Names, with wildcards, parted by commas.
    [string] $VM = '*',
    [int] $KeepDaily = 7,
    [int] $KeepWeekly = 4,
    [int] $KeepMonthly = 6,
    # The guests' file systems at rest; a machine whose guest cannot do that fails.
    [switch] $Quiesce,
    # Say nothing while all is well.
    [switch] $Quiet
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$PSStyle.OutputRendering = 'PlainText'

function Format-Size([long] $Bytes) { $Bytes -lt 10MB ? "$([math]::Ceiling($Bytes / 1KB)) KiB" : "$([math]::Ceiling($Bytes / 1MB)) MiB" }

function Backup-One([string] $Name) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $result = [pscustomobject]@{ VM = $Name; Failed = $true; Line = ''; Notes = [Collections.Generic.List[string]]::new() }
    try {
        $backup = Backup-VMDomain $Name $Repository -Quiesce:$Quiesce -WarningVariable said -WarningAction SilentlyContinue
        $said | ForEach-Object { $result.Notes.Add("$_") }
        # Where a disk is not an increment although it has backups, somebody may want to know why.
        $backup.Disks | Where-Object { $_.Reason -and $backup.Parent } | ForEach-Object { $result.Notes.Add("$($_.Name): $($_.Reason)") }
        $findings = @(Test-VMBackup $Name $Repository -Id $backup.Id -Detailed -WarningAction SilentlyContinue)
        if ($findings) { throw "The backup $($backup.Id) was stored, and it or what it stands on is not sound: $($findings[0].Message) $($findings[0].Advice)" }
        $gone = @(Remove-VMBackup $Name $Repository -KeepDaily $KeepDaily -KeepWeekly $KeepWeekly -KeepMonthly $KeepMonthly -Confirm:$false | Where-Object Keep -EQ $false)
        Export-VMMoment $Name -Path (Join-Path $Repository "$Name-moments.xml") -Force | Out-Null
        $result.Line = "ok      $Name  $("$($backup.Kind)".ToLowerInvariant()), $(Format-Size $backup.Size), $($gone.Count) removed, $([int]$watch.Elapsed.TotalSeconds) s"
        $result.Failed = $false
    }
    catch {
        $result.Line = "FAILED  $Name  $($_.CategoryInfo.Reason -eq 'MomentException' ? "$(($_.FullyQualifiedErrorId -split ',')[0]): " : '')$($_.Exception.Message)"
        if ($_.ErrorDetails.RecommendedAction) { $result.Notes.Add($_.ErrorDetails.RecommendedAction) }
    }
    $result
}

# Where the disk of the backups is not mounted, they would fill another one.
if (-not (Test-Path -LiteralPath $Repository -PathType Container)) {
    "FAILED  nothing was begun: there is no directory $Repository"
    exit 2
}
# One that cannot even be looked at has failed, and keeps no other from its turn.
$machines = @(Get-VMDomain ($VM -split ',') -WarningAction Ignore -ErrorAction SilentlyContinue -ErrorVariable unseen)
if (-not $machines) {
    "FAILED  nothing was begun: $($unseen ? $unseen[0].Exception.Message : 'no machine is registered. Set MOMENTTOOLS_HOME if their records are not in the usual place.')"
    exit 2
}
$results = @($machines.Name | ForEach-Object { Backup-One $_ }) + @($unseen | ForEach-Object {
        [pscustomobject]@{ VM = "$($_.TargetObject)"; Failed = $true; Line = "FAILED  $($_.TargetObject)  $($_.FullyQualifiedErrorId -replace ',.*'): $($_.Exception.Message)"; Notes = @($_.ErrorDetails.RecommendedAction | Where-Object { $_ }) }
    })
$failed = @($results | Where-Object Failed)
if ($failed -or -not $Quiet) {
    "Backup to $Repository on $([Environment]::MachineName): $($failed.Count) of $($results.Count) failed"
    $results | Sort-Object { -not $_.Failed }, VM | ForEach-Object {
        $_.Line
        $_.Notes | ForEach-Object { "        $_" }
    }
}
exit [int]($failed.Count -gt 0)
