BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMBlockSnapshot' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place -Started | Out-Null
        function Get-Trace {
            $nodes = Invoke-VMQmpCommand web1 query-named-block-nodes
            "$(@($nodes).Count) nodes, $(@(Invoke-VMQmpCommand web1 query-block-exports).Count) exports, $(@(Get-ChildItem $place -File).Count) files"
        }
        $clean = Get-Trace
    }

    BeforeEach { 'one', 'two', 'three' | ForEach-Object { New-VMBlockSnapshot web1 $_ | Out-Null } }

    AfterEach {
        Get-VMBlockSnapshot web1 | Remove-VMBlockSnapshot -Confirm:$false
        Get-Trace | Should -BeExactly $clean
    }

    It 'removes one with its scratch file, and returns nothing' {
        $path = (Get-VMBlockSnapshot web1 one).Disks.ScratchPath
        Remove-VMBlockSnapshot web1 one -Confirm:$false | Should -BeNullOrEmpty
        $path | Should -Not -Exist
        (Get-VMBlockSnapshot web1).Name | Should -Be three, two
        (Get-VMBlockSnapshot web1).State | Select-Object -Unique | Should -Be Ready
    }

    It 'removes them in the order <_>' -ForEach 'one two three', 'three two one', 'two one three' {
        foreach ($name in $_ -split ' ') { Remove-VMBlockSnapshot web1 $name -Confirm:$false }
        Get-VMBlockSnapshot web1 | Should -BeNullOrEmpty
        Get-Trace | Should -BeExactly $clean
    }

    It 'takes objects and patterns' {
        $gone = Get-VMBlockSnapshot web1 t* | Remove-VMBlockSnapshot -Confirm:$false -PassThru
        $gone | Should -BeOfType ([MomentTools.VMBlockSnapshot])
        $gone.Name | Should -Be three, two
        Remove-VMBlockSnapshot web1 o*, nosuch* -Confirm:$false
        Get-VMBlockSnapshot web1 | Should -BeNullOrEmpty
    }

    It 'tells one that is not there, and removes the others' {
        Remove-VMBlockSnapshot web1 four, one -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable failures
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'BlockSnapshotNotFound,*'
        (Get-VMBlockSnapshot web1).Name | Should -Be three, two
    }

    It 'tells an object of one that is gone' {
        $object = Get-VMBlockSnapshot web1 one
        Remove-VMBlockSnapshot web1 one -Confirm:$false
        { $object | Remove-VMBlockSnapshot -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'BlockSnapshotNotFound,*'
    }

    It 'touches nothing with -WhatIf, and says which files' {
        $said = pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; Remove-VMBlockSnapshot web1 one -WhatIf"
        $said | Should -Match "with \d+ KiB in '$place/web1\..*\.one\.scratch\.qcow2'"
        (Get-VMBlockSnapshot web1).Count | Should -Be 3
    }

    It 'completes their names' {
        (TabExpansion2 'Remove-VMBlockSnapshot web1 t').CompletionMatches.CompletionText | Should -Be three, two
    }
}
