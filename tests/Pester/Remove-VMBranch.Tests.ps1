BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMBranch' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        New-VMSnapshot $name clean | Out-Null
        New-VMBranch $name one -From clean | Out-Null
        New-VMBranch $name two -From clean | Out-Null
    }

    It 'removes a branch, and returns nothing' {
        Remove-VMBranch $name one -Confirm:$false | Should -BeNullOrEmpty
        (Get-VMBranch $name).Name | Should -Be main, two
    }

    It 'tells what it removed with -PassThru' {
        $path = (Get-VMBranch $name one).Disks[0].Path
        $removed = Remove-VMBranch $name one -Confirm:$false -PassThru
        $removed | Should -BeOfType ([MomentTools.VMBranchRemoval])
        $removed.Files | Should -Be $path
        $removed.Bytes | Should -BeGreaterThan 0
        $removed.Snapshots | Should -BeNullOrEmpty
    }

    It 'unlinks nothing that can be brought back' {
        $path = (Get-VMBranch $name one).Disks[0].Path
        Remove-VMBranch $name one -Confirm:$false
        $path | Should -Exist
    }

    It 'unlinks the files where nothing is to be brought back' {
        $path = (Get-VMBranch $name one).Disks[0].Path
        Remove-VMBranch $name one -UndoFor 0 -Confirm:$false
        $path | Should -Not -Exist
        "$place/$name.qcow2" | Should -Exist
    }

    It 'takes branches from the pipeline, and a pattern does not mean where the machine is' {
        Get-VMBranch $name one | Remove-VMBranch -Confirm:$false
        Remove-VMBranch $name * -Confirm:$false
        (Get-VMBranch $name).Name | Should -Be main
    }

    It 'refuses where the machine is, and what is not there' {
        { Remove-VMBranch $name main -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BranchActive,*'
        { Remove-VMBranch $name three -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BranchNotFound,*'
    }

    It 'refuses a branch with snapshots of its own, and says which' {
        Switch-VMBranch $name one
        New-VMSnapshot $name inside | Out-Null
        Switch-VMBranch $name main
        { Remove-VMBranch $name one -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BranchHoldsSnapshots,*' -ExpectedMessage '*inside*'
        Remove-VMBranch $name one -Discard -Confirm:$false
        (Get-VMBranch $name).Name | Should -Be main, two
        (Get-VMMoment $name).Name | Should -Be clean
    }

    It 'refuses a bare number as the time to undo, which would be a millionth of a second' {
        { Remove-VMBranch $name one -UndoFor 30 -Confirm:$false } | Should -Throw -ErrorId 'ParameterArgumentTransformationError,*'
        (Get-VMBranch $name).Name | Should -Contain one
    }

    It 'touches nothing with -WhatIf' {
        Remove-VMBranch $name one -WhatIf
        (Get-VMBranch $name).Name | Should -Be main, one, two
    }

    It 'says with -WhatIf that what several share goes with the last of them' {
        Switch-VMBranch $name one
        New-VMSnapshot $name shared | Out-Null
        Switch-VMBranch $name main
        New-VMBranch $name three -From shared | Out-Null
        $module = Get-ManifestPath
        $said = pwsh -NoProfile -Command "Import-Module $module; Remove-VMBranch $name one, three -UndoFor 0 -Discard -WhatIf; `$WhatIfPreference = `$true; Remove-VMBranch $name one, t* -UndoFor 0"
        $said | Should -HaveCount 5
        $said[0] | Should -Not -Match "'shared'"
        $said[1] | Should -Match "with snapshot 'shared'"
        $said[3, 4] -match "'three'" | Should -Match "which needs -Discard, since no other branch has snapshot 'shared'"
        $said[3, 4] -match "'two'" | Should -Not -Match "'shared'"
        (Get-VMBranch $name).Name | Should -Be main, one, two, three
    }

    It 'completes only what can be removed' {
        (TabExpansion2 "Remove-VMBranch $name ").CompletionMatches.CompletionText | Sort-Object | Should -Be one, two
    }
}
