BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Switch-VMBranch' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        New-VMSnapshot $name clean | Out-Null
        New-VMBranch $name one -From clean | Out-Null
    }

    It 'goes there and comes back, and returns nothing' {
        $main = (Get-VMDomain $name).Disks.Path
        Switch-VMBranch $name one | Should -BeNullOrEmpty
        (Get-VMDomain $name).Branch | Should -Be one
        (Get-VMDomain $name).Disks.Path | Should -Be (Get-VMBranch $name one).Disks.Path
        Switch-VMBranch $name main
        (Get-VMDomain $name).Disks.Path | Should -Be $main
    }

    It 'has on each branch what was written there' {
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'write -P 1 0 64k'
        Switch-VMBranch $name one
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 0 0 64k', 'write -P 2 0 64k'
        Switch-VMBranch $name main
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 1 0 64k'
        Switch-VMBranch $name one
        Write-Disk (Get-VMDomain $name).Disks[0].Path 'read -P 2 0 64k'
    }

    It 'takes a branch from the pipeline, and gives it as it is then' {
        $branch = Get-VMBranch $name one | Switch-VMBranch -PassThru
        $branch.Name, $branch.Active, $branch.State | Should -Be one, $true, Now
    }

    It 'does nothing where the machine is there already' {
        (Switch-VMBranch $name main -PassThru).Active | Should -BeTrue
    }

    It 'exchanges the disks of a running machine, which runs on' {
        $before = Start-VMDomain $name -Paused
        Switch-VMBranch $name one
        $after = Get-VMDomain $name
        $after.ProcessId | Should -Be $before.ProcessId
        $after.State | Should -Be Paused
        $after.Disks.Path | Should -Be (Get-VMBranch $name one).Disks.Path
        Stop-VMDomain $name -Force | Out-Null
    }

    It 'refuses what makes no sense' {
        { Switch-VMBranch $name three -ErrorAction Stop } | Should -Throw -ErrorId 'BranchNotFound,*'
        { Switch-VMBranch $name one -Running -Paused -ErrorAction Stop } | Should -Throw -ErrorId 'BranchStateContradicts,*'
        { Switch-VMBranch $name one -MemoryPath /tmp/x -ErrorAction Stop } | Should -Throw -ErrorId 'BranchStateContradicts,*'
        (Get-VMDomain $name).Branch | Should -Be main
    }

    It 'touches nothing with -WhatIf' {
        Switch-VMBranch $name one -WhatIf
        (Get-VMDomain $name).Branch | Should -Be main
    }

    It 'completes only where the machine is not' {
        (TabExpansion2 "Switch-VMBranch $name ").CompletionMatches.CompletionText | Should -Be one
    }
}
