#Requires -Version 7.6
<#
.SYNOPSIS
Has many hosts back up their machines, over PowerShell remoting, and gives one row a machine.
.DESCRIPTION
Each host needs PowerShell with MomentTools, and in its sshd_config:

    Subsystem powershell /usr/bin/pwsh -sshs -NoLogo

All hosts work at once, each with Backup-Fleet.ps1 from beside this script, to the repository as that host sees it. A host that cannot be
reached has one row with the reason, and so has one whose work broke off; the others are not kept from theirs.

Copy it, and make it yours.
.EXAMPLE
./Invoke-FleetBackup.ps1 kvm1, kvm2, root@kvm3:2222 /srv/backup -KeyFilePath ~/.ssh/backup
.EXAMPLE
./Invoke-FleetBackup.ps1 kvm1, kvm2 /srv/backup -VM web* -KeepDaily 14 | Where-Object Error | Format-List Host, VM, Error
#>
[CmdletBinding()]
param(
    # HOST, USER@HOST, or either with :PORT.
    [Parameter(Mandatory, Position = 0)][string[]] $HostName,
    [Parameter(Mandatory, Position = 1)][string] $Repository,
    [string[]] $VM = '*',
    [ValidateRange(1, 3650)][int] $KeepDaily,
    [switch] $Verify,
    # So many machines of one host at a time.
    [ValidateRange(1, 256)][int] $ThrottleLimit = 4,
    [string] $KeyFilePath,
    # Options of ssh, for instance @{ StrictHostKeyChecking = 'accept-new' }.
    [hashtable] $SshOption = @{}
)
$script = Get-Content (Join-Path $PSScriptRoot Backup-Fleet.ps1) -Raw
$parameters = @{ Repository = $Repository; VM = $VM; ThrottleLimit = $ThrottleLimit; Verify = [bool] $Verify }
if ($KeepDaily) { $parameters.KeepDaily = $KeepDaily }

function Get-FailedRow([string] $Name, $Failure) {
    [pscustomobject]@{
        Host = $Name; VM = $null; Backup = $null; Kind = $null; Size = $null; Seconds = $null
        Error = $Failure.Exception.Message; ErrorId = $Failure.FullyQualifiedErrorId -replace ',.*'
    }
}

$sessions = @{}
foreach ($name in $HostName) {
    $connection = @{ HostName = $name; Options = $SshOption; ConnectingTimeout = 30000; ErrorAction = 'Stop' }
    if ($KeyFilePath) { $connection.KeyFilePath = $KeyFilePath }
    try { $session = New-PSSession @connection }
    catch {
        Get-FailedRow $name $_
        continue
    }
    $sessions[$session.Runspace.InstanceId] = @{ Name = $name; Session = $session }
}
if (-not $sessions.Count) { return }
try {
    $job = Invoke-Command -Session $sessions.Values.Session -AsJob -ArgumentList $script, $parameters -ScriptBlock {
        param($script, $parameters)
        $ErrorActionPreference = 'Stop'
        & ([scriptblock]::Create($script)) @parameters
    }
    $job | Wait-Job | Out-Null
    foreach ($child in $job.ChildJobs) {
        $rows = @(Receive-Job $child -ErrorAction SilentlyContinue -ErrorVariable failures)
        # What the host is called here, and not what it calls itself.
        $name = $sessions[$child.Runspace.InstanceId].Name
        $rows | Select-Object @{ Name = 'Host'; Expression = { $name } }, VM, Backup, Kind, Size, Seconds, Error, ErrorId
        if ($failures) { Get-FailedRow $name $failures[0] }
        # Whoever backs up has a row a machine, or an error: nothing at all is a connection that was lost.
        elseif (-not $rows -or $child.State -ne 'Completed') {
            $reason = $child.JobStateInfo.Reason ?? [IO.IOException]::new("The work on this host ended as '$($child.State)', and nothing came back.")
            Get-FailedRow $name ([Management.Automation.ErrorRecord]::new($reason, 'WorkBrokeOff', 'ConnectionError', $name))
        }
    }
}
finally {
    if ($job) { $job | Remove-Job -Force }
    $sessions.Values.Session | Remove-PSSession
}
