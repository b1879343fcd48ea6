BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Restore-VMSnapshot' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'write -P 1 0 64k'
        New-VMSnapshot $name clean | Out-Null
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'write -P 2 64k 64k'
    }

    It 'gives the content back and returns nothing' {
        Restore-VMSnapshot $name clean | Should -BeNullOrEmpty
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 1 0 64k', 'read -P 0 64k 64k'
        (Get-VMDomain $name).Branch | Should -Be main
    }

    It 'keeps what was left aside, and it is brought back' {
        $done = Restore-VMSnapshot $name clean -PassThru
        $done.UndoId | Should -Be (Get-VMSnapshot $name -Kept).Id
        Undo-VMSnapshot $name
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 2 64k 64k'
    }

    It 'keeps nothing where nothing is wanted' {
        Restore-VMSnapshot $name clean -UndoFor 0
        Get-VMSnapshot $name -Kept | Should -BeNullOrEmpty
    }

    It 'leaves the old branch as it is with -Branch' {
        $done = Get-VMSnapshot $name clean | Restore-VMSnapshot -Branch try -PassThru
        $done.Branch, $done.LeftBranch, $done.Disks[0].Restored | Should -Be try, main, $true
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 0 64k 64k'
        Switch-VMBranch $name main
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 2 64k 64k'
        { Restore-VMSnapshot $name clean -Branch try -ErrorAction Stop } | Should -Throw -ErrorId 'BranchExists,*'
    }

    It 'takes a snapshot of what is left, where it would be lost' {
        (Restore-VMSnapshot $name clean -KeepCurrent work -PassThru).Taken | Should -Be work
        Restore-VMSnapshot $name work
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 2 64k 64k'
        (Restore-VMSnapshot $name clean -KeepCurrent again -PassThru -WarningAction SilentlyContinue).Taken | Should -BeNullOrEmpty
    }

    It 'exchanges the disks of a running machine, which is not restarted' {
        $before = Start-VMDomain $name -Paused
        Restore-VMSnapshot $name clean -Paused
        $after = Get-VMDomain $name
        $after.ProcessId, $after.State | Should -Be $before.ProcessId, Paused
        Stop-VMDomain $name -Force | Out-Null
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 0 64k 64k'
    }

    It 'goes back inside the images' {
        New-VMSnapshot $name inside -Internal | Out-Null
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'write -P 3 128k 64k'
        Restore-VMSnapshot $name inside
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 2 64k 64k', 'read -P 0 128k 64k'
    }

    It 'refuses to take named snapshots with it, and names the ways on' {
        New-VMSnapshot $name inside -Internal | Out-Null
        $failure = { Restore-VMSnapshot $name clean -ErrorAction Stop } | Should -Throw -ErrorId 'RestoreInvalidates,*' -PassThru
        $failure.Exception.Message | Should -BeLike "*snapshot 'inside'*"
        Restore-VMSnapshot $name clean -Branch other
        Switch-VMBranch $name main
        Restore-VMSnapshot $name clean -Discard
        (Get-VMSnapshot $name).Name | Should -Be clean
    }

    It 'says how much is left behind with -WhatIf, and touches nothing' {
        $path = (Get-VMDomain $name).Disks[0].Path
        Restore-VMSnapshot $name clean -WhatIf
        (Get-VMDomain $name).Disks[0].Path | Should -Be $path
        $said = pwsh -NoProfile -Command "Import-Module $((Get-Module MomentTools).Path); Restore-VMSnapshot $name clean -WhatIf" | Out-String
        $said | Should -BeLike '*64 KiB on*'
    }

    It 'refuses what makes no sense' {
        { Restore-VMSnapshot $name nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
        { Restore-VMSnapshot $name clean -Running -Paused -ErrorAction Stop } | Should -Throw -ErrorId 'RestoreOptionsExclusive,*'
        { Restore-VMSnapshot $name clean -Memory -ErrorAction Stop } | Should -Throw -ErrorId 'RestoreOptionsExclusive,*'
        New-VMCheckpoint $name monday | Out-Null
        { Restore-VMSnapshot $name monday -ErrorAction Stop } | Should -Throw -ErrorId 'MomentIsCheckpoint,*'
    }

    It 'completes the snapshots' {
        (TabExpansion2 "Restore-VMSnapshot $name ").CompletionMatches.CompletionText | Should -Be clean
    }
}
