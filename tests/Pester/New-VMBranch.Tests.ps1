BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'New-VMBranch' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMSnapshot web1 clean | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
    }

    It 'makes a branch, and stays where the machine is' {
        $before = (Get-VMDomain web1).Disks.Path
        $branch = New-VMBranch web1 one -From clean
        $branch | Should -BeOfType ([MomentTools.VMBranch])
        $branch.Name, $branch.Start, $branch.Active | Should -Be one, clean, $false
        (Get-VMDomain web1).Disks.Path | Should -Be $before
        (qemu-img info --output json $branch.Disks[0].Path | ConvertFrom-Json).'backing-filename' | Should -Be "$place/web1.qcow2"
    }

    It 'takes the snapshot as an object' {
        (New-VMBranch web1 two -From (Get-VMMoment web1 clean)).Start | Should -Be clean
    }

    It 'takes a document that says it' {
        $branch = New-VMBranch web1 -Xml '<domainsnapshot><name>three</name><description>words</description><branch>clean</branch></domainsnapshot>'
        $branch.Name, $branch.Start, $branch.Description | Should -Be three, clean, words
    }

    It 'touches nothing with -WhatIf' {
        New-VMBranch web1 four -From clean -WhatIf
        (Get-VMBranch web1).Name | Should -Not -Contain four
    }

    It 'refuses <Id>' -ForEach @(
        @{ Id = 'BranchExists'; Parameters = @{ Name = 'main'; From = 'clean' } }
        @{ Id = 'BranchNameInvalid'; Parameters = @{ Name = 'mt-1'; From = 'clean' } }
        @{ Id = 'BranchNameInvalid'; Parameters = @{ Name = 'a/b'; From = 'clean' } }
        @{ Id = 'MomentNotFound'; Parameters = @{ Name = 'x'; From = 'claen' } }
        @{ Id = 'BranchStartUnknown'; Parameters = @{ Name = 'x'; From = 'monday' } }
        @{ Id = 'BranchDocumentIncomplete'; Parameters = @{ Xml = '<domainsnapshot><name>x</name></domainsnapshot>' } }
        @{ Id = 'XmlRuleBroken'; Parameters = @{ Xml = '<domaincheckpoint><name>x</name></domaincheckpoint>' } }
    ) {
        $files = (Get-ChildItem $place -File).Name
        { New-VMBranch web1 @Parameters -ErrorAction Stop } | Should -Throw -ErrorId "$Id,*"
        (Get-ChildItem $place -File).Name | Should -Be $files
    }

    It 'completes snapshots alone' {
        (TabExpansion2 'New-VMBranch web1 x -From ').CompletionMatches.CompletionText | Should -Be clean
    }
}
