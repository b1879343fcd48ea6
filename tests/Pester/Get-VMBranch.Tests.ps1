BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMBranch' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMSnapshot web1 clean | Out-Null
        New-VMBranch web1 one -From clean -Description 'the first' | Out-Null
        New-VMBranch web1 two -From clean | Out-Null
    }

    It 'gives all, the oldest first, and which one is active' {
        $branches = Get-VMBranch web1
        $branches.Name | Should -Be main, one, two
        $branches.Active | Should -Be $true, $false, $false
        $branches.State | Should -Be Now, Clean, Clean
        $branches | Should -BeOfType ([MomentTools.VMBranch])
    }

    It 'tells where a branch began, and on which image it lies' {
        $branch = Get-VMBranch web1 one
        $branch.Start | Should -Be clean
        $branch.Current | Should -Be clean
        $branch.Description | Should -Be 'the first'
        $branch.Disks.Name | Should -Be vda
        $branch.Disks[0].Path | Should -Exist
        $branch.Disks[0].Size | Should -BeGreaterThan 0
    }

    It 'takes names with wildcards, and domains from the pipeline' {
        (Get-VMBranch web1 t*, main).Name | Should -Be main, two
        (Get-VMDomain | Get-VMBranch -Name one).VM | Should -Be web1
    }

    It 'knows a machine that never had another branch' {
        New-Machine $place other | Out-Null
        $branch = Get-VMBranch other
        $branch.Name | Should -Be main
        $branch.Start | Should -BeNullOrEmpty
        $branch.Disks.Path | Should -Be "$place/other.qcow2"
    }

    It 'says that a name means nothing, and lists the others' {
        (Get-VMBranch web1 mainn, two -ErrorVariable failures -ErrorAction SilentlyContinue).Name | Should -Be two
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'BranchNotFound,*'
        $failures[0].ErrorDetails.RecommendedAction | Should -Match main
    }

    It 'is told by the domain, too' { (Get-VMDomain web1).Branch | Should -Be main }

    It 'completes names, and shows where the machine is' {
        $matches = (TabExpansion2 'Get-VMBranch web1 ').CompletionMatches
        $matches.CompletionText | Sort-Object | Should -Be main, one, two
        ($matches | Where-Object CompletionText -EQ main).ToolTip | Should -Match 'now'
    }
}
