# Every command that takes its time, with what it needs before and how everything is as it was after: whether it was stopped or had finished.
# Run is what is stopped, in a PowerShell of its own. After: the story is told what became of it.
param([string] $VM, [string] $Place, [string] $Repository)

$at = "$VM -Repository '$Repository'"
$saved = @{}

function Undo-Everything {
    Get-VMBlockExport $VM | Stop-VMBlockExport -Confirm:$false
    Get-VMBlockSnapshot $VM | Remove-VMBlockSnapshot -Confirm:$false
    if ((Get-VMDomain $VM).Branch -ne 'main') { Switch-VMBranch $VM main -Confirm:$false }
    Get-VMBranch $VM | Where-Object Name -NE main | Remove-VMBranch -Discard -UndoFor 0 -Confirm:$false
    Get-VMSnapshot $VM | Sort-Object Created -Descending | ForEach-Object { Remove-VMSnapshot $VM $_.Name -UndoFor 0 -Confirm:$false }
    # What a removal that was stopped has not merged yet is merged then.
    Remove-VMSnapshot $VM -Kept -Confirm:$false
    if (Get-VMCheckpoint $VM | Where-Object Name -EQ c) { Remove-VMCheckpoint $VM c -Confirm:$false }
}

# The disk is either as it was left or as it was then, and nothing in between.
function Resolve-Story($Then, [switch] $Loose) {
    $path = (Get-VMDomain $VM).Disks[0].Path
    if ((Get-VMDomain $VM).State -ne 'Stopped') { Write-LiveDisk $VM 'flush' }
    $still = Compare-Image $path (Copy-Story).Content
    if (-not $still) { return }
    $gone = Compare-Image $path $Then.Content
    if ($gone) { throw "The disk is neither as it was left nor as it was then: $still; $gone" }
    Set-Story $Then -Loose:$Loose
}

function New-Fork([hashtable] $Snapshot) {
    New-VMSnapshot $VM s @Snapshot | Out-Null
    $saved.Then = Copy-Story
    Write-Story
}

$backUp = { Add-Backup $Repository }
$goBack = { Resolve-Story $saved.Then; Undo-Everything }
$undo = { Undo-Everything }
$forked = { New-Fork @{ DiskOnly = $true } }
$both = 'Running', 'Stopped'

@(
    @{ Name = 'New-VMCheckpoint'; On = $both; Run = "New-VMCheckpoint $VM c"; After = $undo }
    @{ Name = 'Remove-VMCheckpoint'; On = $both; Before = { New-VMCheckpoint $VM c | Out-Null; Write-Story }; Run = "Remove-VMCheckpoint $VM c"; After = $undo }
    @{ Name = 'Backup-VMDomain'; On = $both; Before = { Write-Story 30 }; Run = "Backup-VMDomain $at"; After = $backUp }
    @{ Name = 'Backup-VMDomain -Full'; On = $both; Run = "Backup-VMDomain $at -Full -SpeedLimit 8MB"; After = $backUp }
    @{ Name = 'Backup-VMDomain -Pull'; On = 'Running'; Before = { Write-Story 30 }; Run = "Backup-VMDomain $at -Pull"; After = $backUp }
    @{ Name = 'Backup-VMDomain -Copy -Compress'; On = $both; Run = "Backup-VMDomain $at -Copy -Compress"; After = $backUp }
    @{ Name = 'Backup-VMDomain -Differential'; On = 'Running'; Before = { Write-Story 10 }; Run = "Backup-VMDomain $at -Differential"; After = $backUp }
    @{ Name = 'Restore-VMBackup'; On = $both; Run = "Restore-VMBackup $at -Destination '$Place/restored'"; After = {
            # All of it or nothing.
            if (Test-Path $Place/restored) {
                # It may have been done, and stopped before it could say so.
                $left = @(Get-ChildItem $Place/restored -Force).Name
                if ($left -and "$left" -ne 'vda.qcow2') { throw "A stopped restore left $left" }
                $wrong = $left ? (Compare-Image "$Place/restored/vda.qcow2" (Get-Backup (Get-VMBackup $VM $Repository)[-1].Id).Content) : $null
                if ($wrong) { throw "A stopped restore left a part: $wrong" }
                Remove-Item $Place/restored -Recurse
            }
        }
    }
    @{ Name = 'Restore-VMBackup -AsDomain'; On = 'Stopped'; Run = "Restore-VMBackup $at -AsDomain copy -Destination '$Place/copy'"; After = {
            if ((Get-ChildItem $Place/copy -Force -ErrorAction Ignore) -and 'copy' -notin (Get-VMDomain).Name) { throw "A stopped restore left $((Get-ChildItem $Place/copy -Force).Name)" }
            Get-VMDomain | Where-Object Name -EQ copy | Unregister-VMDomain -Confirm:$false
            Remove-Item $Place/copy -Recurse -Force -ErrorAction Ignore
        }
    }
    @{ Name = 'Restore-VMBackup -Instant'; On = 'Stopped'; Run = "Restore-VMBackup $at -AsDomain copy -Destination '$Place/copy' -Instant"; After = {
            Get-VMDomain | Where-Object Name -EQ copy | ForEach-Object { if ($_.State -ne 'Stopped') { Stop-VMDomain copy -Force | Out-Null }; Unregister-VMDomain copy -Confirm:$false }
            Remove-Item $Place/copy -Recurse -Force -ErrorAction Ignore
        }
    }
    @{ Name = 'Restore-VMBackup -InPlace'; On = 'Stopped'; Before = { Backup-VMDomain $VM $Repository | Out-Null; Add-Backup $Repository; $saved.Then = Copy-Story; Write-Story }
        Run = "Restore-VMBackup $at -InPlace"; After = { Resolve-Story $saved.Then -Loose; Undo-Everything }
    }
    @{ Name = 'Test-VMBackup'; On = $both; Run = "Test-VMBackup $at -Source" }
    @{ Name = 'Remove-VMBackup'; On = $both; Run = "Remove-VMBackup $at -KeepLast 2"; After = $backUp }
    @{ Name = 'Merge-VMBackup'; On = $both; Before = { Write-Story; Backup-VMDomain $VM $Repository | Out-Null; Add-Backup $Repository }; Run = "Get-VMBackup $at | Select-Object -Last 1 | Merge-VMBackup"; After = $backUp }
    @{ Name = 'New-VMSnapshot -DiskOnly'; On = $both; Run = "New-VMSnapshot $VM s -DiskOnly"; After = $undo }
    @{ Name = 'New-VMSnapshot -Internal'; On = $both; Run = "New-VMSnapshot $VM s -Internal"; After = $undo }
    @{ Name = 'New-VMSnapshot -Memory'; On = 'Running'; Run = "New-VMSnapshot $VM s -Memory"; After = $undo }
    @{ Name = 'New-VMSnapshot -Memory -Live'; On = 'Running'; Run = "New-VMSnapshot $VM s -Memory -Live"; After = $undo }
    @{ Name = 'Restore-VMSnapshot'; On = $both; Before = $forked; Run = "Restore-VMSnapshot $VM s"; After = $goBack }
    @{ Name = 'Restore-VMSnapshot -Branch'; On = $both; Before = $forked; Run = "Restore-VMSnapshot $VM s -Branch b"; After = { Undo-Everything; Resolve-Story $saved.Then } }
    @{ Name = 'Restore-VMSnapshot of memory'; On = 'Running'; Before = { New-Fork @{ Memory = $true } }; Run = "Restore-VMSnapshot $VM s"; After = $goBack }
    @{ Name = 'Restore-VMSnapshot of an internal one'; On = $both; Before = { New-Fork @{ Internal = $true } }; Run = "Restore-VMSnapshot $VM s -Discard"; After = $goBack }
    @{ Name = 'Remove-VMSnapshot'; On = $both; Before = $forked; Run = "Remove-VMSnapshot $VM s -UndoFor 0"; After = $undo }
    @{ Name = 'Merge-VMSnapshot'; On = $both; Before = $forked; Run = "Merge-VMSnapshot $VM s"; After = $undo }
    @{ Name = 'Undo-VMSnapshot'; On = $both; Before = { New-Fork @{ DiskOnly = $true }; Restore-VMSnapshot $VM s -Confirm:$false; $left = Copy-Story; Set-Story $saved.Then; $saved.Then = $left }; Run = "Undo-VMSnapshot $VM"; After = $goBack }
    @{ Name = 'Use-VMSnapshot'; On = $both; Before = $forked; Run = "Use-VMSnapshot $VM s { Start-Sleep -Milliseconds 100 }"; After = $undo }
    @{ Name = 'Switch-VMBranch'; On = $both; Before = { New-Fork @{ DiskOnly = $true }; New-VMBranch $VM b -From s | Out-Null }; Run = "Switch-VMBranch $VM b"; After = $undo }
    @{ Name = 'Remove-VMBranch'; On = $both; Before = { New-Fork @{ DiskOnly = $true }; New-VMBranch $VM b -From s | Out-Null }; Run = "Remove-VMBranch $VM b -Discard -UndoFor 0"; After = $undo }
    @{ Name = 'New-VMBlockSnapshot'; On = $both; Run = "New-VMBlockSnapshot $VM v -NewCheckpoint c"; After = $undo }
    @{ Name = 'Remove-VMBlockSnapshot'; On = $both; Before = { New-VMBlockSnapshot $VM v | Out-Null }; Run = "Remove-VMBlockSnapshot $VM v"; After = $undo }
    @{ Name = 'Start-VMBlockExport'; On = $both; Run = "Start-VMBlockExport $VM -Since mark0"; After = $undo }
    @{ Name = 'Start-VMBlockExport, relayed'; On = 'Running'; Run = "Start-VMBlockExport $VM -Address 'tcp://127.0.0.1:0' -AllowUnencrypted"; After = $undo }
    @{ Name = 'Stop-VMBlockExport'; On = $both; Before = { Start-VMBlockExport $VM | Out-Null }; Run = "Stop-VMBlockExport $VM"; After = $undo }
    @{ Name = 'Get-VMChangedBlock -Read'; On = 'Stopped'; Run = "Get-VMChangedBlock $VM -Since mark0 -Read" }
    @{ Name = 'Get-VMChangedBlock -Snapshot -Read'; On = 'Running'; Before = { Write-Story 20; New-VMBlockSnapshot $VM v | Out-Null }; Run = "Get-VMChangedBlock $VM -Since mark0 -Snapshot v -Read"; After = $undo }
    @{ Name = 'Compare-VMMoment'; On = $both; Run = "Compare-VMMoment $VM mark0" }
    @{ Name = 'Test-VMMoment'; On = $both; Run = "Test-VMMoment $VM -Detailed" }
    @{ Name = 'Repair-VMMoment'; On = $both; Run = "Repair-VMMoment $VM" }
    @{ Name = 'Start-VMDomain'; On = 'Stopped'; Run = "Start-VMDomain $VM"; Moves = $true; After = { if ((Get-VMDomain $VM).State -ne 'Stopped') { Stop-VMDomain $VM -Force | Out-Null } } }
    @{ Name = 'Stop-VMDomain'; On = 'Running'; Run = "Stop-VMDomain $VM -Force"; Moves = $true; After = { if ((Get-VMDomain $VM).State -eq 'Stopped') { Start-VMDomain $VM | Out-Null } } }
)
